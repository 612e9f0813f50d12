/* The totals as people and programs read them. */
#include "sink/sink.h"

#include <sys/resource.h>

static uint64_t
cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void
sink_totals_json(const struct sink *sink, struct pr_buf *out)
{
	const struct sink_totals *t = &sink->totals;
	const struct {
		const char *name;
		uint64_t value;
	} counts[] = {
	    {"connections", t->connections},
	    {"open", t->open},
	    {"max_open", t->max_open},
	    {"messages", t->messages},
	    {"recipients", t->recipients},
	    {"octets", t->octets},
	    {"commands", t->commands},
	    {"refused", t->refused},
	    {"refused_recipients", t->refused_recipients},
	    {"refused_messages", t->refused_messages},
	    {"errors", t->errors},
	    {"faults", t->faults},
	    {"cut_messages", t->cut_messages},
	    {"bare_lf", t->bare_lf},
	    {"long_lines", t->long_lines},
	    {"tls_sessions", t->tls_sessions},
	    {"tls_resumed", t->tls_resumed},
	    {"tls_failed", t->tls_failed},
	    {"auths", t->auths},
	    {"auths_failed", t->auths_failed},
	    {"pipelining_errors", t->pipelining_errors},
	    {"octets_in", t->octets_in},
	    {"octets_out", t->octets_out},
	    {"cpu_us", cpu_us()},
	};
	pr_buf_addc(out, '{');
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		pr_buf_addf(out, "\"%s\":%llu,", counts[i].name,
		            (unsigned long long)counts[i].value);
	pr_buf_addf(out, "\"seconds\":%.6f,\"rules\":[", (double)(t->last_us - t->first_us) / 1e6);
	for (unsigned i = 0; i < sink->rules.n; i++)
		pr_buf_addf(out, "%s%llu", i ? "," : "",
		            (unsigned long long)sink->rules.items[i].fired);
	pr_buf_adds(out, "]}\n");
}
