// Runs before the first paint, so that a chosen theme does not flash.
try {
  const theme = localStorage.getItem('parley.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  if (localStorage.getItem('parley.contrast') === 'more') document.documentElement.dataset.contrast = 'more';
} catch {
  // Storage may be forbidden; the system's theme then applies.
}
