/* The table of commands. Their order is that of the help. */
#include "cli.h"
#include "cli_filters.h"

#define PREPARE "Prepare"
#define SEND "Send"
#define WATCH "Watch"
#define PEOPLE "People"
#define KEEP "Keep"
#define FILTER "Filters: JSON lines in, JSON lines out"

static enum cli_exit
run_filter(struct cli *c, int (*filter)(FILE *, FILE *))
{
	if (!cli_given(c, "jsonl"))
		return cli_usage(c, "it reads JSON lines: say --jsonl");
	return filter(stdin, stdout) == 0 ? CLI_DONE : cli_fail_errno("cannot go on");
}

static enum cli_exit
run_liquid(struct cli *c)
{
	return run_filter(c, pr_cli_liquid);
}

static enum cli_exit
run_address(struct cli *c)
{
	return run_filter(c, pr_cli_address);
}

static enum cli_exit
run_classify(struct cli *c)
{
	struct pr_problems problems = {0};
	struct pr_buf text = {0};
	pr_rules *rules = NULL;
	if (!cli_given(c, "jsonl"))
		return cli_usage(c, "it reads JSON lines: say --jsonl");
	if (pr_rules_load(cli_value(c, "rules"), &problems, &rules) < 0) {
		pr_problems_text(&problems, &text);
		fputs(text.data, stderr);
	}
	pr_buf_finish(&text);
	pr_problems_finish(&problems);
	if (!rules)
		return CLI_FAILED;
	int r = pr_cli_classify(rules, stdin, stdout);
	pr_rules_destroy(rules);
	return r == 0 ? CLI_DONE : cli_fail_errno("cannot go on");
}

static const struct cli_option plan_options[] = {
    {"at", "TIME", "as if it were handed over then (2026-12-01T08:00Z); default: now", 0, false},
    {"round-trip", "D", "how far the receiver is, a message takes that on its connection: 50ms", 0,
     false},
    {"no-dns", NULL, "do not ask who receives for a domain", 0, false},
    {0}};
static const struct cli_option preview_options[] = {
    {"row", "N", "the row of this number (the first data row is 1)", 0, false},
    {"email", "ADDRESS", "the first row of this address", 0, false},
    {"variant", "V", "with DIR: in this variant (default: the first)", 0, false},
    {"version", "V", "with ID: this version of the content, whatever the row was sent with", 0,
     false},
    {0}};
static const struct cli_option proof_options[] = {
    {"to", "ADDRESS", "who gets them", 0, false},
    {"variant", "V", "with DIR: in this variant (default: the first)", 0, false},
    {"rows", "LIST", "the rows of these numbers, as 3,17 (default: the first good one)", 0, false},
    {"via", "HOST[:PORT]", "by this server (port 25) instead of the campaign's route", 0, false},
    {0}};
static const struct cli_option submit_options[] = {
    {"no-wait", NULL, "hand over only: do not wait until the daemon took it", 0, false},
    {"timeout", "D", "wait at most so long for it to be taken (10m)", 0, false},
    {0}};
static const struct cli_option all_options[] = {
    {"all", NULL, "all sending, of all campaigns", 0, false},
    {"variant", "V", "one variant of it", 0, false},
    {"domain", "D", "one domain, or a slice as `postrider campaign ID` names it", 0, false},
    {0}};
static const struct cli_option cancel_options[] = {
    {"variant", "V", "one variant of it", 0, false}, {"domain", "D", "one domain", 0, true}, {0}};
static const struct cli_option resolve_options[] = {
    {"resend", NULL, "send them again: some people may get the message twice", 0, false},
    {"delivered", NULL, "count them as delivered: some people may never get it", 0, false},
    {"rows", "FILE", "only these: the number of a row on each line, or first in a CSV", 0, false},
    {0}};
static const struct cli_option wait_options[] = {
    {"until", "WHAT", "finished (default), or first-pass: every row was tried once", 0, false},
    {"timeout", "D", "give up after so long: 90s, 15m, 2h", 0, false},
    {0}};
static const struct cli_option events_options[] = {
    {"follow", NULL, "go on with what happens now", 'f', false},
    {"after", "ID", "begin after this event (default: the oldest kept; with -f: now)", 0, false},
    {0}};
static const struct cli_option sites_options[] = {
    {"site", "TEXT", "only sites whose name holds this text", 0, false},
    {"limit", "N", "at most so many lines (1000)", 0, false},
    {0}};
static const struct cli_option report_options[] = {
    {"out", "FILE", "write it there", 0, false},
    {"csv", NULL, "one line a recipient, instead of HTML", 0, false},
    {0}};
static const struct cli_option suppress_options[] = {
    {"list", "NAME", "campaigns of this list only", 0, false},
    {"class", "C", "campaigns of this class only: marketing or transactional", 0, false},
    {"reason", "TEXT", "unsubscribed, complained, bounced, forgotten, or why in your words", 0,
     false},
    {"until", "TIME", "not longer than to this day or time (2027-01-31, 2027-01-31T18:00Z)", 0,
     false},
    {"match", "TEXT", "list: addresses that hold this text", 0, false},
    {"limit", "N", "list: at most so many (100)", 0, false},
    {"after", "WHERE", "list: go on where the last one ended", 0, false},
    {"audit", NULL, "list: who changed what, the latest first", 0, false},
    {"dry-run", NULL, "import: only say what is wrong in the file", 0, false},
    {"out", "FILE", "export: write it there", 0, false},
    {0}};
static const struct cli_option export_options[] = {
    {"out", "FILE", "write it there, readable by you alone", 0, false}, {0}};
static const struct cli_option forget_options[] = {{"yes", NULL, "do not ask", 'y', false}, {0}};
static const struct cli_option contacts_options[] = {
    {"list", "NAME", "import: put all on this list; export: only those on it", 0, false},
    {"type", "NAME=TYPE", "import: an attribute is text, number, boolean or date", 0, false},
    {"dry-run", NULL, "import: only say what is wrong in the file, and which types it has", 0,
     false},
    {"segment", "WHAT", "export: only those in it, a condition or its name (see segment)", 0,
     false},
    {"format", "F", "export: csv (default) or jsonl", 0, false},
    {"out", "FILE", "export: write it there", 0, false},
    {0}};
static const struct cli_option track_options[] = {
    {"event", "NAME", "of rows that have none", 0, false},
    {"dry-run", NULL, "only say what is wrong in the file", 0, false},
    {0}};
static const struct cli_option segment_options[] = {
    {"limit", "N", "sample: so many (10)", 0, false}, {0}};
static const struct cli_option adopt_options[] = {
    {"trust-ledger", NULL, "the ledger is right: go on with what it says is unsent", 0, false},
    {"hold-unsent", NULL, "it may be old: keep back all that is unsent in it", 0, false},
    {0}};
static const struct cli_option filter_options[] = {
    {"jsonl", NULL, "JSON lines on standard input and output", 0, false}, {0}};

static const struct cli_option classify_options[] = {
    {"jsonl", NULL, "JSON lines on standard input and output", 0, false},
    {"rules", "FILE", "by these rules instead of those built in", 0, false},
    {0}};

const struct cli_command cli_commands[] = {
    {"init", "DIR", "write a sample campaign into a new folder", NULL, 1, 1, NULL, cli_run_init,
     PREPARE},
    {"check", "DIR", "find what is wrong with a campaign, without sending",
     "Reads the manifest, the templates and every row of the recipients, and makes every\n"
     "message, on all cores. All errors are shown, each with its file, line and remedy; one\n"
     "that rows meet in a template is shown once, with how many it hits and the first.\n"
     "Rows that {% abort 'reason' %} leaves out are no error. Ctrl-C shows what was found\n"
     "so far. Where rows have times of their own it shows how many begin when, zone by zone.\n"
     "Needs no daemon; route and brand are looked at when a postrider.yaml can be\n"
     "read. Exit status 1 when the campaign cannot be sent.",
     1, 1, NULL, cli_run_check, PREPARE},
    {"plan", "DIR", "how many would go when and where to, and when it would be done",
     "A line for each large receiver: how many recipients, when the first, half and all would be\n"
     "sent to, and what holds them up: rates, connections, warm-ups and days of the shaping file,\n"
     "the campaign's own rate; then how many a day, and warnings of a deadline that comes before\n"
     "the end or a window that is too short. Computed by postrider.yaml; nothing is sent and no\n"
     "daemon is needed. Where the route goes by mail exchangers the DNS is asked who receives for\n"
     "the 2,000 largest domains. What had to be assumed is said at the end.",
     1, 1, plan_options, cli_run_plan, PREPARE},
    {"preview", "DIR|ID", "print the finished message of one row, as it would leave",
     "Without options that of the first good row. The output is an .eml file: redirect it and\n"
     "open it in a mail program. A folder needs no daemon. With the id of a campaign, also one\n"
     "that has ended: the row's message in the version it was last sent with, or the one in\n"
     "force if it never was. But for the date, it is what was sent.",
     1, 1, preview_options, cli_run_preview, PREPARE},

    {"proof", "DIR|ID", "send the finished messages of some rows to an address of yours",
     "As preview makes them, but to ADDRESS and with [Proof] before the subject; signed where\n"
     "there are keys. With the id of a campaign, also one that has ended: from its rows, in the\n"
     "version in force. They go from here by the campaign's own route as postrider.yaml has it,\n"
     "to mail exchangers too, or with --via by another server, TLS where it offers it. Nothing is\n"
     "counted; the unsubscribe links act on nothing. A folder needs no daemon. Prints what the\n"
     "server said of each row. Exit status 1 when one was not accepted.",
     1, 1, proof_options, cli_run_proof, PREPARE},

    {"doctor", "[DOMAIN]", "look up whether receivers will believe mail from a domain",
     "SPF, DKIM, DMARC, the return path, and the names of the source addresses, as the DNS has\n"
     "them now. Without DOMAIN all From domains of brands and DKIM keys in postrider.yaml.\n"
     "Each finding is ok, a warning, a problem with the record to publish, or unknown where a\n"
     "name server does not answer. Needs no daemon, but must be able to read the DKIM keys.\n"
     "Exit status 1 when there is a problem or something unknown.",
     0, 1, NULL, cli_run_doctor, PREPARE},

    {"submit", "DIR", "hand a campaign over and print its id",
     "Copies the folder into the spool's incoming/, then waits until the daemon took it and\n"
     "read its recipients. Prints the id of the campaign, or why it was refused (exit 1).",
     1, 1, submit_options, cli_run_submit, SEND},
    {"approve", "ID", "let a held campaign begin", NULL, 1, 1, NULL, cli_run_verb, SEND},
    {"pause", "ID|--all", "stop sending, within a second",
     "What is on its way is finished; nothing new begins until `postrider resume`.", 0, 1,
     all_options, cli_run_verb, SEND},
    {"resume", "ID|--all", "go on after a pause",
     "Slices that are paused alone (by stop_loss, or with --domain) stay so until they are named\n"
     "with --domain, unless nothing but them is left to send. What is resumed is judged by what\n"
     "comes from then on.",
     0, 1, all_options, cli_run_verb, SEND},
    {"cancel", "ID", "end a campaign: what is unsent stays unsent",
     "Cannot be undone. What is on its way is finished.", 1, 1, cancel_options, cli_run_verb, SEND},
    {"replace", "ID DIR", "correct what is unsent: bodies, subject, sender, headers, rate",
     "DIR is a whole corrected folder, checked like a new campaign; its recipients are not\n"
     "read, and who, when and where to stays as it was. Every row that is not sent or with a\n"
     "connection gets the new version; the others keep theirs (results.csv tells which).\n"
     "With an error in it nothing changes.",
     2, 2, NULL, cli_run_replace, SEND},
    {"resolve", "ID", "decide about rows whose delivery is uncertain",
     "A row is uncertain when its message was sent and the receiver's answer was lost.", 1, 1,
     resolve_options, cli_run_resolve, SEND},

    {"status", "", "what the daemon does now", NULL, 0, 0, NULL, cli_run_status, WATCH},
    {"campaigns", "", "all campaigns, with their numbers", NULL, 0, 0, NULL, cli_run_campaigns,
     WATCH},
    {"campaign", "ID", "one campaign in detail", NULL, 1, 1, NULL, cli_run_campaign, WATCH},
    {"watch", "[ID]", "follow a campaign until it ends",
     "Without ID the newest one that is not finished. In a terminal a progress bar; in a\n"
     "pipe a line a second (with --json the campaign's object).",
     0, 1, NULL, cli_run_watch, WATCH},
    {"wait", "ID", "wait until a campaign is finished",
     "Exit status 1 when it failed, was cancelled, or the time is over.", 1, 1, wait_options,
     cli_run_wait, WATCH},
    {"sites", "", "where messages leave to, how fast, and why one is slow",
     "A line for each site (domains with the same mail exchangers) and source. Those that fail\n"
     "come first, with the last reply and when they are tried again.",
     0, 0, sites_options, cli_run_sites, WATCH},
    {"recipient", "ADDRESS", "one recipient's story over all campaigns", NULL, 1, 1, NULL,
     cli_run_recipient, WATCH},
    {"events", "", "what happened to whom, from the journal",
     "One line an event (with --json an object a line).", 0, 0, events_options, cli_run_events,
     WATCH},
    {"report", "ID", "the campaign's report, as HTML or CSV", NULL, 1, 1, report_options,
     cli_run_report, WATCH},

    {"suppress", "VERB [WHAT]", "whom mail may not go to: add, remove, list, import, export",
     "add ADDRESS     No mail to it from now on, also of campaigns under way.\n"
     "remove ADDRESS  It may get mail again: all its suppressions, or that of --list or --class.\n"
     "list            Them, by address.\n"
     "import FILE     CSV with a header (address, list, class, scope, reason, note, until), or an\n"
     "                address a line. What is wrong in it is listed and left out.\n"
     "export          All, as CSV that import reads.\n"
     "\n"
     "Without --list and --class an address that unsubscribed is closed to marketing, any other\n"
     "to all mail. Operators may do all of this, others add.",
     1, 2, suppress_options, cli_run_suppress, PEOPLE},

    {"export", "ADDRESS", "all that is held of one person, as JSON",
     "Suppressions with who ordered them, the contact and what it did, rows of all campaigns that\n"
     "are kept with all fields, what came back, events, what webhooks are still to be told, files\n"
     "that name the address. For operators.",
     1, 1, export_options, cli_run_export, PEOPLE},
    {"forget", "ADDRESS", "erase one person from all that is kept",
     "What is unsent becomes suppressed, then the address is erased from campaigns, reports, the\n"
     "journal and all databases; rows stay as numbers, so that counts are what they were. A hash\n"
     "of the address stays: mail to it is closed for good, and whatever brings it back (an\n"
     "import, a folder from a backup) is erased again. Cannot be undone. Prints what was done,\n"
     "what still names the address, and what cannot be reached. For operators.",
     1, 1, forget_options, cli_run_forget, PEOPLE},
    {"feedback", "", "act on a mail that came back, from standard input",
     "A bounce, a complaint or a mail to the unsubscribe address, as the bounce server would:\n"
     "what names one of our messages by its token changes that row and suppresses its address,\n"
     "as far as it says so; what does not is kept in STATE/feedback. Says what it made of it.\n"
     "The same mail twice changes nothing. For operators.",
     0, 0, NULL, cli_run_feedback, PEOPLE},
    {"contacts", "VERB [WHAT]", "the people known: import, export, show, set, delete",
     "import FILE      CSV with a header, or JSON lines; also what Mailchimp and HubSpot export.\n"
     "                 Who is there already is updated; an empty cell changes nothing. What is\n"
     "                 wrong is listed and left out, and so is who asked to be forgotten.\n"
     "export           All, or those of a list or segment, as a file that import reads.\n"
     "show ADDRESS     What is known of one.\n"
     "set ADDRESS NAME=VALUE ...\n"
     "                 Values of one, who is made if need be; NAME= takes a value away, lists=a,b\n"
     "                 are all lists.\n"
     "delete ADDRESS   All that is known, but suppressions.\n"
     "known            How many there are, which lists and attributes.\n"
     "\n"
     "Columns: email, lists, timezone, language, consent_purpose, consent_text, consent_at,\n"
     "consent_source, consent_until; any other is an attribute: \"First Name\" is first_name. Its\n"
     "type is the narrowest that all values are of (numbers with leading zeros are text, dates\n"
     "read 2027-01-31), and stays. For operators.",
     1, CLI_WORDS_MAX, contacts_options, cli_run_contacts, PEOPLE},

    {"track", "import FILE", "what customers did: orders, visits, reviews, any event",
     "FILE is CSV with a header, or JSON lines: email, event (order, visit, review, signup, any\n"
     "name), time, and amount, currency, item, id where there are any. The same address, event,\n"
     "time and item is counted once (with an id: whatever its time), so a file may be imported\n"
     "again. What is new is credited to the campaign that the person clicked in last. An\n"
     "address that is no contact becomes one, unless it asked to be forgotten. For operators.",
     1, 2, track_options, cli_run_track, PEOPLE},

    {"segment", "VERB WHAT", "some of the contacts, by a condition: count, sample, explain",
     "WHAT is a condition, or the name of one in postrider.yaml (segments).\n"
     "  postrider segment count \"points > 100 AND in_list('vip') AND days_since('order') < 30\"\n"
     "\n"
     "It is an expression of SQL over what is known of one contact:\n"
     "  email timezone language created updated, and each attribute (booleans are 1 and 0)\n"
     "  recency frequency monetary   1 to 5, 5 is best: the fifth of all customers by last order,\n"
     "               number of orders, revenue; equal ones are all in the lowest of theirs\n"
     "  stage        'new' (one order, within 90 days), 'active' (the last within 90), 'won_back'\n"
     "               (the same, after a pause of over 365), 'occasional' (within 180), 'at_risk'\n"
     "               (within 365), 'lost'\n"
     "  value        revenue a year (365.25 days) since the first order, a year at least\n"
     "  engagement   0 to 100: order 10, review and signup 5, open 1, others 3; halves in 30 days\n"
     "  All of these are NULL, value and engagement 0, for who has never ordered.\n"
     "  in_list('NAME')  days_since('EVENT')  count('EVENT'[, DAYS])  sum('EVENT'[, DAYS])\n"
     "  abs coalesce date glob ifnull iif instr julianday length like lower ltrim max min nullif\n"
     "  replace round rtrim strftime substr trim upper\n"
     "What is not known is NULL, which is not true. `explain` also tells which lists and events "
     "do\n"
     "not exist. What is wrong is said with its place. For operators.",
     2, 2, segment_options, cli_run_segment, PEOPLE},

    {"adopt", "ID", "let a campaign go on whose folder was restored or copied",
     "Its ledger and the daemon's own state disagree, so it is held (reason: restored).", 1, 1,
     adopt_options, cli_run_adopt, KEEP},
    {"reload", "", "let the daemon read its configuration again",
     "All or nothing: with an error in it nothing changes.", 0, 0, NULL, cli_run_service, KEEP},
    {"drain", "", "let the daemon finish what is in flight, and end", NULL, 0, 0, NULL,
     cli_run_service, KEEP},

    {"liquid", "--jsonl", "render templates",
     "In: {\"id\",\"template\",\"data\",\"partials\",\"mode\",...}; out: {\"output\"} or "
     "{\"error\"}.",
     0, 0, filter_options, run_liquid, FILTER},
    {"classify", "--jsonl", "judge replies of servers and mails that came back",
     "In: {\"reply\"} or {\"message_b64\"}; out: {\"kind\",\"recipients\":[{\"address\",\n"
     "\"status\",\"class\",\"hard\",\"action\",\"diagnostic\"}],\"feedback_type\"?}. The rules "
     "are\n"
     "those of conf/bounces.yaml. What is wrong with a file of --rules is told; exit status 1.",
     0, 0, classify_options, run_classify, FILTER},
    {"address", "--jsonl", "judge e-mail addresses (RFC 5321, RFC 6531)",
     "In: {\"address\"}; out: {\"valid\",\"reason\"?,\"ascii\"?,\"smtputf8\"}.", 0, 0,
     filter_options, run_address, FILTER},
    {0}};

const char *const cli_later[] = {"reschedule", "purge", "backup", NULL};
