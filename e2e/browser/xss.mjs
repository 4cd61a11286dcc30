// Vectors that must stay text. They are combined from parts, so that each way of breaking out meets each way of running something.
const run = ['window.__xss=1', 'top.__xss=1', 'parent.window.__xss=1', 'self["__xss"]=1'];
const tags = ['img src=x onerror=', 'svg onload=', 'body onload=', 'video src=x onerror=', 'audio src=x onerror=', 'details open ontoggle=', 'input autofocus onfocus=',
  'marquee onstart=', 'iframe onload=', 'object data=x onerror=', 'style onload=', 'link rel=stylesheet href=x onerror=', 'select autofocus onfocus=', 'math onmouseover='];
const wraps = [(s) => s, (s) => `"><${s.slice(1)}`, (s) => `'><${s.slice(1)}`, (s) => `</p>${s}`, (s) => `</textarea>${s}`, (s) => `<!--><${s.slice(1)}`];

export function vectors() {
  const out = [];
  for (const code of run) {
    for (const tag of tags) for (const wrap of wraps) out.push(wrap(`<${tag}"${code}">`));
    for (const wrap of wraps) out.push(wrap(`<script>${code}</script>`));
    const md = `<img src=x onerror="${code}">`;
    out.push(`![x](javascript:${code})`, `<javascript:${code}>`, `[${md}](https://x.test/ '"onerror=${code}')`, `||${md}||`, `\`\`\`html\n${md}\n\`\`\``, `\`\`\`${md}\nx\n\`\`\``,
      `| ${md} |\n| --- |\n| ${md} |`, `> # ${md}`, `- [ ] ${md}`, `@${md} :${md}:`, `[x]: javascript:${code}\n\n[x]`);
    out.push(`javascript:${code}`, `JaVaScRiPt:${code}`, `java\tscript:${code}`, `data:text/html,<script>${code}</script>`, `vbscript:${code}`,
      `[x](javascript:${code})`, `https://x.test/"onmouseover="${code}`, `https://x.test/'><svg/onload=${code}>`, `{{constructor.constructor('${code}')()}}`,
      `\${${code}}`, `<a href="javascript:${code}">x</a>`, `<svg><animate onbegin=${code} attributeName=x dur=1s>`, `<math><mtext><mglyph><svg><mtext><style><img src=x onerror=${code}>`);
  }
  return out;
}
