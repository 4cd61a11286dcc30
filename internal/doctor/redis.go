package doctor

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// redis looks at what the nodes tell each other by.
func (e *examination) redis(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	o, err := rueidis.ParseURL(e.RedisURL)
	if err != nil {
		e.wrong("redis", "REDIS_URL is malformed", "write it like redis://host:6379") // the cause may quote its password
		return
	}
	if e.embedded() {
		e.wrong("redis", "REDIS_URL is set, and the database is a file", "several nodes need a Postgres: set DATABASE_URL; one node needs no Redis")
	}
	o.DisableCache, o.ForceSingleClient = true, true
	o.Dialer = net.Dialer{Timeout: connectTimeout}
	c, err := rueidis.NewClient(o)
	if err != nil {
		e.wrong("redis", strings.Join(o.InitAddress, ", ")+" does not answer: "+err.Error(),
			"is it running there, and is the password right? Without it messages for people on other nodes take about a second")
		return
	}
	defer c.Close()
	info, err := c.Do(ctx, c.B().Info().Build()).ToString()
	if err != nil {
		e.wrong("redis", err.Error(), "let the user run INFO, PING, TIME, PUBLISH and SUBSCRIBE")
		return
	}
	e.redisVersion(infoField(info, "redis_version"))
	e.eviction(infoField(info, "maxmemory_policy"), infoField(info, "maxmemory"))
	took, err := median(15, func() error { return c.Do(ctx, c.B().Ping().Build()).Error() })
	if err != nil {
		e.wrong("redis", err.Error(), "")
		return
	}
	level := graded(took, 20*time.Millisecond, time.Second)
	e.judge(level, Finding{About: "redis", Says: fmt.Sprintf("answers in %v (median)", took.Round(10*time.Microsecond)),
		Mend: mendIf(level != OK, "bring it nearer: what people on other nodes hear waits for it")})
	before := time.Now()
	if at, err := c.Do(ctx, c.B().Time().Build()).AsStrSlice(); err == nil && len(at) == 2 {
		seconds, _ := strconv.ParseInt(at[0], 10, 64)
		micros, _ := strconv.ParseInt(at[1], 10, 64)
		e.skew("Redis's clock", before, time.Unix(seconds, micros*1000), time.Now())
	}
}

func infoField(info, name string) string {
	for line := range strings.SplitSeq(info, "\n") {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (e *examination) redisVersion(version string) {
	major, _ := strconv.Atoi(version[:max(strings.IndexByte(version, '.'), 0)])
	if major < 6 {
		e.warn("redis", "version "+version, "use 7 or newer")
		return
	}
	e.ok("redis", "version "+version)
}

// eviction is nothing that Parley's own messages suffer from, which are stored nowhere; whatever else is in the same Redis does.
func (e *examination) eviction(policy, limit string) {
	switch policy {
	case "", "noeviction":
		e.ok("redis memory", "nothing is evicted")
	default:
		e.warn("redis memory", fmt.Sprintf("maxmemory-policy is %s (maxmemory %s): what is stored may vanish", policy, limit),
			"set maxmemory-policy noeviction, or give Parley a Redis of its own: adapters over streams and other programs' keys need it")
	}
}
