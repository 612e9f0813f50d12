/* Campaign objects of the status socket, read and put in words. */
#include "cli.h"

const char *
cli_text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

uint64_t
cli_number_of(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));
	return n > 0 ? (uint64_t)n : 0;
}

double
cli_real_of(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

struct cli_counts
cli_counts_of(const json_t *campaign)
{
	const json_t *c = json_object_get(campaign, "counts");
	return (struct cli_counts){
	    .total = cli_number_of(c, "total"),
	    .pending = cli_number_of(c, "pending"),
	    .sending = cli_number_of(c, "sending"),
	    .delivered = cli_number_of(c, "delivered"),
	    .deferred = cli_number_of(c, "deferred"),
	    .bounced = cli_number_of(c, "bounced"),
	    .suppressed = cli_number_of(c, "suppressed"),
	    .skipped = cli_number_of(c, "skipped"),
	    .in_doubt = cli_number_of(c, "in_doubt"),
	    .cancelled = cli_number_of(c, "cancelled"),
	};
}

uint64_t
cli_settled(const struct cli_counts *n)
{
	return n->delivered + n->bounced + n->suppressed + n->skipped + n->in_doubt + n->cancelled;
}

bool
cli_ended(const json_t *campaign)
{
	const char *state = cli_text_of(campaign, "state");
	return state && (strcmp(state, "finished") == 0 || strcmp(state, "cancelled") == 0 ||
	                 strcmp(state, "failed") == 0);
}

void
cli_counts_line(const struct cli_counts *n, struct pr_buf *out)
{
	const struct {
		uint64_t n;
		const char *words;
	} parts[] = {
	    {n->deferred, "will retry"}, {n->bounced, "bounced"},
	    {n->in_doubt, "uncertain"},  {n->suppressed + n->skipped, "left out"},
	    {n->cancelled, "cancelled"}, {n->pending + n->sending, "to send"},
	};
	char number[CLI_TEXT], total[CLI_TEXT];
	pr_buf_addf(out, "%s of %s accepted", cli_number(n->delivered, number),
	            cli_number(n->total, total));
	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
		if (parts[i].n)
			pr_buf_addf(out, ", %s %s", cli_number(parts[i].n, number), parts[i].words);
}

const char *
cli_reason_words(const char *reason)
{
	static const struct {
		const char *reason, *words;
	} table[] = {
	    {"approval", "waits for approval: postrider approve ID"},
	    {"preflight",
	     "receivers would not believe its sender: see `postrider doctor`; it goes on by "
	     "itself when that passes; `postrider approve ID` sends it all the same"},
	    {"rejects", "too many bad rows, or another number of rows than expected: see "
	                "rejects.csv; `postrider approve ID` sends to the good ones"},
	    {"restored", "its ledger and this daemon's state disagree: postrider adopt ID"},
	    {"late",
	     "could not begin in time (schedule.late): `postrider approve ID` sends it now"},
	    {"disk", "too little room on the disk: goes on by itself"},
	    {"stop_loss", "too much failed at some receivers: see `postrider campaign ID`"},
	    {"operator", "by an operator"},
	};
	for (unsigned i = 0; reason && i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].reason, reason) == 0)
			return table[i].words;
	return reason ? reason : "";
}
