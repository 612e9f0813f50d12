/* What there is to see: status, campaigns, one campaign, one person's story. */
#include "cli.h"

#include "postrider/base/clock.h"

#include <stdlib.h>

static const char *
state_words(const char *state)
{
	static const struct {
		const char *state, *words;
	} table[] = {{"pending", "to send"},    {"sending", "on the way"},
	             {"delivered", "accepted"}, {"deferred", "will retry"},
	             {"bounced", "bounced"},    {"in_doubt", "uncertain"},
	             {"skipped", "left out"},   {"suppressed", "left out (suppressed)"}};
	for (unsigned i = 0; state && i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].state, state) == 0)
			return table[i].words;
	return cli_show(state);
}

/* ---- status ---- */

static void
print_flags(const json_t *s)
{
	if (json_is_true(json_object_get(s, "paused_all")))
		puts("All sending is paused: `postrider resume --all` goes on.");
	if (json_is_true(json_object_get(s, "draining")))
		puts("The daemon drains: what is in flight ends, nothing new begins.");
	if (json_is_true(json_object_get(s, "journal_full")))
		puts("The journal's disk is full: nothing is sent until there is room; then it "
		     "goes on.");
	if (json_is_true(json_object_get(s, "low_space")))
		puts("The spool's disk is nearly full: sending is paused until there is room.");
}

static void
print_tally(const char *label, const json_t *numbers, const char *(*words)(const char *))
{
	const char *key;
	json_t *value;
	char number[CLI_TEXT];
	bool any = false;
	printf("%-12s", label);
	json_object_foreach((json_t *)(uintptr_t)numbers, key, value)
	{
		if (json_integer_value(value) <= 0)
			continue;
		printf("%s%s %s", any ? ", " : "",
		       cli_number((uint64_t)json_integer_value(value), number),
		       words ? words(key) : cli_show(key));
		any = true;
	}
	puts(any ? "" : "none");
}

static void
print_connections(const json_t *s)
{
	const json_t *n = json_object_get(s, "connections"), *ready = json_object_get(s, "ready");
	char a[CLI_TEXT], b[CLI_TEXT];
	printf("%-12s%.1f messages/s over %s connections (%llu busy), %s messages ready\n",
	       "sending", cli_real_of(s, "rate"), cli_number(cli_number_of(n, "open"), a),
	       (unsigned long long)cli_number_of(n, "busy"),
	       cli_number(cli_number_of(ready, "messages"), b));
	if (cli_real_of(s, "oldest_due_seconds") >= 1)
		printf("%-12sthe oldest due message waits since %s\n", "",
		       cli_duration((int64_t)(cli_real_of(s, "oldest_due_seconds") * 1000), a));
}

static void
print_left_behind(const json_t *s)
{
	size_t i;
	json_t *one;
	char at[CLI_TEXT];
	json_array_foreach(json_object_get(s, "left_behind"), i, one)
	    printf("incoming/%s was taken, but could not be removed (%s): remove it\n",
	           cli_show(cli_text_of(one, "name")), cli_time(cli_text_of(one, "since"), at));
}

static void
print_missed(const json_t *missed)
{
	char a[CLI_TEXT], b[CLI_TEXT], at[CLI_TEXT];
	if (cli_number_of(missed, "bytes") > 0)
		printf("%-12smissed %s events (%s of journal), the last of them by %s\n", "",
		       cli_number(cli_number_of(missed, "events"), a),
		       cli_octets(cli_number_of(missed, "bytes"), b),
		       cli_time(cli_text_of(missed, "at"), at));
}

static void
print_webhooks(const json_t *s)
{
	size_t i;
	json_t *one;
	char text[CLI_TEXT];
	json_array_foreach(json_object_get(s, "webhooks"), i, one)
	{
		const char *error = cli_text_of(one, "last_error");
		const char *until = cli_text_of(one, "waits_until");
		printf("%-12s%s, ", "webhook", cli_show(cli_text_of(one, "url")));
		fputs(cli_show(cli_text_of(one, "state")), stdout);
		if (until)
			printf(" until %s", cli_time(until, text));
		printf(", %s behind", cli_octets(cli_number_of(one, "backlog_bytes"), text));
		if (error && *error)
			printf(": %s", cli_show(error));
		puts("");
		print_missed(json_object_get(one, "missed"));
	}
}

static void
print_track(const json_t *track)
{
	char recorded[CLI_TEXT], dropped[CLI_TEXT];
	if (json_is_true(json_object_get(track, "listening")))
		printf("%-12s%s events recorded, %s dropped\n", "tracking",
		       cli_number(cli_number_of(track, "recorded"), recorded),
		       cli_number(cli_number_of(track, "dropped"), dropped));
}

enum cli_exit
cli_run_status(struct cli *c)
{
	if (c->arguments.json)
		return cli_pass_on(c, "/v1/status");
	json_t *s = cli_get(c, "/v1/status");
	char text[CLI_TEXT];
	if (!s)
		return CLI_FAILED;
	printf("postriderd %s, %s\n", cli_show(cli_text_of(s, "version")),
	       cli_show(cli_text_of(s, "state")));
	print_flags(s);
	print_connections(s);
	print_tally("campaigns", json_object_get(s, "campaigns"), NULL);
	if (cli_number_of(s, "paused_slices"))
		printf("%-12s%s of them paused alone, for what failed or by --domain: `postrider "
		       "campaigns`\n",
		       "receivers", cli_number(cli_number_of(s, "paused_slices"), text));
	print_tally("recipients", json_object_get(s, "recipients"), state_words);
	unsigned long long waiting = cli_number_of(s, "intake_waiting");
	printf("%-12s%llu folder%s in incoming/, %s free\n", "spool", waiting,
	       waiting == 1 ? " waits" : "s wait",
	       cli_octets(cli_number_of(s, "spool_free_bytes"), text));
	print_track(json_object_get(s, "track"));
	print_webhooks(s);
	print_left_behind(s);
	json_decref(s);
	return CLI_DONE;
}

/* ---- campaigns ---- */

static void
add_campaign(struct cli_table *t, const json_t *o)
{
	struct cli_counts n = cli_counts_of(o);
	char text[CLI_TEXT];
	const uint64_t numbers[] = {n.total,   n.delivered, n.deferred,
	                            n.bounced, n.in_doubt,  n.pending + n.sending};
	cli_table_add(t, cli_show(cli_text_of(o, "id")));
	uint64_t paused = cli_ended(o) ? 0 : cli_number_of(o, "paused_slices");
	snprintf(text, sizeof text, paused ? "%s, %llu paused" : "%s",
	         cli_show(cli_text_of(o, "state")), (unsigned long long)paused);
	cli_table_add(t, text);
	for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
		cli_table_add(t, cli_number(numbers[i], text));
	snprintf(text, sizeof text, "%.1f/s", cli_real_of(o, "rate"));
	cli_table_add(t, cli_real_of(o, "rate") > 0 && !cli_ended(o) ? text : "-");
	cli_table_add(t, cli_show(cli_text_of(o, "name")));
}

static int
newest_first(const void *a, const void *b)
{
	const char *x = cli_text_of(*(const json_t *const *)a, "accepted");
	const char *y = cli_text_of(*(const json_t *const *)b, "accepted");
	return strcmp(y ? y : "", x ? x : "");
}

static void
print_campaigns(const json_t *list)
{
	size_t n = json_array_size(list);
	const json_t **all = pr_calloc(n, sizeof *all);
	struct cli_table *t = cli_table_create("ID\tSTATE\t>ROWS\t>ACCEPTED\t>WILL RETRY\t"
	                                       ">BOUNCED\t>UNCERTAIN\t>TO SEND\t>RATE\tNAME");
	for (size_t i = 0; i < n; i++)
		all[i] = json_array_get(list, i);
	qsort(all, n, sizeof *all, newest_first);
	for (size_t i = 0; i < n; i++)
		add_campaign(t, all[i]);
	cli_table_print(t, stdout);
	free(all);
}

enum cli_exit
cli_run_campaigns(struct cli *c)
{
	if (c->arguments.json)
		return cli_pass_on(c, "/v1/campaigns");
	json_t *answer = cli_get(c, "/v1/campaigns");
	const json_t *list = json_object_get(answer, "campaigns");
	if (!answer)
		return CLI_FAILED;
	if (json_array_size(list) == 0)
		puts("No campaign yet. `postrider submit DIR` hands one over.");
	else
		print_campaigns(list);
	json_decref(answer);
	return CLI_DONE;
}

/* ---- one campaign ---- */

static void
print_counts(const struct cli_counts *n, uint64_t capped)
{
	const struct {
		const char *words;
		uint64_t n;
		bool always;
	} rows[] = {
	    {"accepted by the receiver", n->delivered, true},
	    {"will retry", n->deferred, false},
	    {"bounced", n->bounced, true},
	    {"uncertain: sent, the answer was lost", n->in_doubt, false},
	    {"left out: suppressed", n->suppressed, false},
	    {"left out: bad row, duplicate or template", n->skipped - capped, false},
	    {"left out: over a frequency cap", capped, false},
	    {"cancelled", n->cancelled, false},
	    {"on the way", n->sending, false},
	    {"to send", n->pending, true},
	    {"in all", n->total, true},
	};
	char text[CLI_TEXT];
	struct cli_table *t = cli_table_create("\t>\t>");
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!rows[i].n && !rows[i].always)
			continue;
		cli_table_add(t, rows[i].words);
		cli_table_add(t, cli_number(rows[i].n, text));
		cli_table_add(t, cli_percent(rows[i].n, n->total, text));
	}
	cli_table_print(t, stdout);
}

/* What people did with it, in shares of those who have it. */
static void
print_acts(const json_t *o, uint64_t accepted)
{
	static const struct {
		const char *key, *words;
	} acts[] = {{"opens", "opened by people"},
	            {"clicks", "clicked by people"},
	            {"unsubscribes", "unsubscribed"},
	            {"complaints", "complained"}};
	char text[CLI_TEXT];
	uint64_t machine, all = 0;
	for (unsigned i = 0; i < sizeof acts / sizeof *acts; i++)
		all += cli_number_of(json_object_get(o, acts[i].key), "unique");
	if (all == 0)
		return;
	putchar('\n');
	struct cli_table *t = cli_table_create("\t>\t>");
	for (unsigned i = 0; i < sizeof acts / sizeof *acts; i++) {
		const json_t *n = json_object_get(o, acts[i].key);
		uint64_t people = cli_number_of(n, "unique") - cli_number_of(n, "machine");
		cli_table_add(t, acts[i].words);
		cli_table_add(t, cli_number(people, text));
		cli_table_add(t, cli_percent(people, accepted, text));
	}
	cli_table_print(t, stdout);
	machine = cli_number_of(json_object_get(o, "opens"), "machine");
	if (machine)
		printf("For %s more only machines opened it: they count as nobody.\n",
		       cli_number(machine, text));
}

/* What it brought, and what of it is left when its cost is paid. */
static void
print_earned(const json_t *o)
{
	const json_t *n = json_object_get(o, "conversions"), *cost = json_object_get(o, "cost"),
		     *roi = json_object_get(o, "roi");
	const char *currency;
	json_t *amount;
	char text[CLI_TEXT];
	if (!cli_number_of(n, "total") && !json_is_object(cost) &&
	    json_object_size(json_object_get(o, "revenue")) == 0)
		return;
	printf("\n%-24s%s, of %s recipients\n", "conversions",
	       cli_number(cli_number_of(n, "total"), text),
	       cli_number(cli_number_of(n, "unique"), (char[CLI_TEXT]){0}));
	json_object_foreach(json_object_get(o, "revenue"), currency, amount)
	    printf("%-24s%s %s\n", "revenue", cli_show(json_string_value(amount)),
	           strcmp(currency, "XXX") == 0 ? "" : cli_show(currency));
	if (json_is_object(cost))
		printf("%-24s%s %s\n", "cost", cli_show(cli_text_of(cost, "amount")),
		       cli_show(cli_text_of(cost, "currency")));
	if (json_is_number(roi))
		printf("%-24s%.1f %%%s\n", "return on it", 100 * json_number_value(roi),
		       json_is_true(json_object_get(o, "roi_leaves_out"))
		           ? ", revenue in other currencies left out"
		           : "");
}

/* Of a campaign with a trigger. */
static void
print_series(const json_t *o)
{
	static const struct {
		const char *key, *words;
	} people[] = {{"entered", "entered"},
	              {"under_way", "  under way"},
	              {"through", "  got its last message"},
	              {"did", "  did what it was about"},
	              {"left", "  left"},
	              {"suppressed", "  suppressed"},
	              {"bounced", "  bounced"},
	              {"gone", "  no contact any more"},
	              {"cancelled", "  under way when it ended"},
	              {"coupons", "codes given away"}};
	const json_t *series = json_object_get(o, "series");
	char text[CLI_TEXT];
	if (!json_is_object(series))
		return;
	putchar('\n');
	for (unsigned i = 0; i < sizeof people / sizeof *people; i++)
		if (i < 2 || cli_number_of(series, people[i].key))
			printf("%-24s%s\n", people[i].words,
			       cli_number(cli_number_of(series, people[i].key), text));
}

static void
print_times(const json_t *o)
{
	static const struct {
		const char *key, *words;
	} times[] = {{"accepted", "taken"},       {"start", "to begin"},    {"started", "begun"},
	             {"first_pass", "all tried"}, {"finished", "finished"}, {"next", "goes on"},
	             {"eta", "done about"}};
	char text[CLI_TEXT];
	for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
		const char *at = cli_text_of(o, times[i].key);
		if (at && !(cli_ended(o) && strcmp(times[i].key, "eta") == 0))
			printf("%-11s%s\n", times[i].words, cli_time(at, text));
	}
}

static void
add_slice(struct cli_table *t, const json_t *s)
{
	static const char *const keys[] = {"tried", "bounced", "complained", "deferred"};
	char text[CLI_TEXT];
	cli_table_add(t, cli_show(cli_text_of(s, "name")));
	cli_table_add(t, cli_show(cli_text_of(s, "reason")));
	for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++)
		cli_table_add(t, cli_number(cli_number_of(s, keys[i]), text));
	cli_table_add(t, cli_time(cli_text_of(s, "paused"), text));
}

static void
print_slices(const json_t *o)
{
	size_t i;
	json_t *one;
	const json_t *list = json_object_get(o, "slices");
	if (json_array_size(list) == 0)
		return;
	puts("\nPaused alone:");
	struct cli_table *t = cli_table_create("RECEIVER\tBECAUSE OF\t>TRIED\t>BOUNCED\t"
	                                       ">COMPLAINED\t>DEFERRED\tSINCE");
	json_array_foreach(list, i, one) add_slice(t, one);
	cli_table_print(t, stdout);
	if (!cli_ended(o))
		printf("Go on with one: postrider resume %s --domain RECEIVER\n",
		       cli_show(cli_text_of(o, "id")));
}

static void
print_seeds(const json_t *o)
{
	const json_t *n = json_object_get(o, "seeds");
	char total[CLI_TEXT], delivered[CLI_TEXT];
	if (cli_number_of(n, "total"))
		printf("\nSeeds, counted apart: %s of %s delivered (the report lists them).\n",
		       cli_number(cli_number_of(n, "delivered"), delivered),
		       cli_number(cli_number_of(n, "total"), total));
}

static void
print_campaign(const json_t *o)
{
	struct cli_counts n = cli_counts_of(o);
	const char *reason = cli_text_of(o, "reason"), *error = cli_text_of(o, "last_error");
	char text[CLI_TEXT];
	uint64_t decide = cli_number_of(o, "needs_decision"), capped = cli_number_of(o, "capped");
	printf("%s  \"%s\"\n", cli_show(cli_text_of(o, "id")), cli_show(cli_text_of(o, "name")));
	printf("%-11s%s%s%s\n", "state", cli_show(cli_text_of(o, "state")), reason ? ": " : "",
	       cli_show(cli_reason_words(reason)));
	print_times(o);
	if (cli_real_of(o, "rate") > 0 && !cli_ended(o))
		printf("%-11s%.1f messages/s\n", "rate", cli_real_of(o, "rate"));
	if (cli_text_of(o, "folder"))
		printf("%-11s%s\n", "folder", cli_show(cli_text_of(o, "folder")));
	if (cli_number_of(o, "version") > 1)
		printf("%-11s%s: its content was replaced\n", "version",
		       cli_number(cli_number_of(o, "version"), text));
	if (error)
		printf("%-11s%s\n", "last error", cli_show(error));
	putchar('\n');
	print_counts(&n, capped < n.skipped ? capped : n.skipped);
	print_acts(o, n.delivered);
	print_earned(o);
	print_seeds(o);
	print_series(o);
	print_slices(o);
	if (cli_number_of(o, "in_doubt_ever"))
		printf("\n%s rows were uncertain at some time (sent again, some may have come "
		       "twice).\n",
		       cli_number(cli_number_of(o, "in_doubt_ever"), text));
	if (decide)
		printf(
		    "\n%s uncertain rows wait for you: postrider resolve %s --resend|--delivered\n",
		    cli_number(decide, text), cli_show(cli_text_of(o, "id")));
}

enum cli_exit
cli_run_campaign(struct cli *c)
{
	return cli_look(c, cli_campaign_path(c->arguments.words[0], ""), print_campaign);
}

/* ---- one person ---- */

static void
add_story(struct cli_table *t, const json_t *row)
{
	char text[CLI_TEXT];
	cli_table_add(t, cli_show(cli_text_of(row, "campaign")));
	cli_table_add(t, cli_number(cli_number_of(row, "row"), text));
	cli_table_add(t, state_words(cli_text_of(row, "state")));
	cli_table_add(t, cli_number(cli_number_of(row, "attempts"), text));
	uint64_t version = cli_number_of(row, "version");
	cli_table_add(t, version ? cli_number(version, text) : "");
	cli_table_add(t, cli_time(cli_text_of(row, "last_attempt"), text));
	cli_table_add(t, cli_show(cli_text_of(row, "reply")));
}

static void
print_story(const json_t *answer)
{
	size_t i;
	json_t *one;
	char text[CLI_TEXT];
	const json_t *list = json_object_get(answer, "campaigns");
	json_array_foreach(json_object_get(answer, "suppressions"), i, one)
	{
		if (json_is_true(json_object_get(one, "ended")))
			continue;
		printf("No mail since %s: %s, scope %s.\n", cli_time(cli_text_of(one, "at"), text),
		       cli_show(cli_text_of(one, "reason")), cli_show(cli_text_of(one, "scope")));
	}
	if (json_array_size(list) == 0) {
		printf("%s is in no campaign that is still kept.\n",
		       cli_show(cli_text_of(answer, "address")));
		return;
	}
	struct cli_table *t =
	    cli_table_create("CAMPAIGN\t>ROW\tSTATE\t>ATTEMPTS\t>VERSION\tLAST ATTEMPT\tREPLY");
	json_array_foreach(list, i, one) add_story(t, one);
	cli_table_print(t, stdout);
}

enum cli_exit
cli_run_recipient(struct cli *c)
{
	struct pr_buf path = {0};
	pr_buf_adds(&path, "/v1/recipient?address=");
	cli_path_add(&path, c->arguments.words[0]);
	enum cli_exit result = cli_look(c, path.data, print_story);
	pr_buf_finish(&path);
	return result;
}
