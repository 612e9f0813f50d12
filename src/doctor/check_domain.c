/* The checks of a From domain on its own: SPF of its return path, DKIM keys, the return path. */
#include "examination.h"

#include <stdio.h>
#include <string.h>

#define BITS_ADVISED 2048
#define TXT_STRING_MAX 255u /* octets of one string of a TXT record (RFC 1035 section 3.3) */

/* ---- SPF ---- */

static int
check_spf_source(struct examination *x, const struct subject *s, const struct source *source)
{
	struct about about = {s->domain, source->address, "spf"};
	char why[200];
	struct pr_spf_query query = {
	    .address = source->address, .domain = s->bounce, .helo = source->hostname};
	enum pr_spf_result result = pr_spf_check(x->dns, &query, why);
	const char *term = strchr(source->address, ':') ? "ip6" : "ip4";
	const char *remedy;
	if (result == PR_SPF_PASS) {
		doctor_say(x, about, PR_DOCTOR_OK, "", "SPF passes for %s from %s (%s).", s->bounce,
		           source->address, why);
		return 1;
	}
	if (result == PR_SPF_TEMPERROR) {
		doctor_say(x, about, PR_DOCTOR_UNKNOWN, LATER, "SPF of %s from %s is %s: %s.",
		           s->bounce, source->address, pr_spf_word(result), why);
		return PR_EAGAIN;
	}
	if (result == PR_SPF_NONE)
		remedy = doctor_remedy(x, "publish: %s. IN TXT \"v=spf1 %s:%s -all\"", s->bounce,
		                       term, source->address);
	else if (result == PR_SPF_PERMERROR)
		remedy = doctor_remedy(x, "correct the SPF record of %s", s->bounce);
	else
		remedy = doctor_remedy(x, "add %s:%s to the SPF record of %s, before its all", term,
		                       source->address, s->bounce);
	doctor_say(x, about, PR_DOCTOR_PROBLEM, remedy, "SPF of %s from %s is %s: %s.", s->bounce,
	           source->address, pr_spf_word(result), why);
	return 0;
}

int
doctor_check_spf(struct examination *x, const struct subject *s)
{
	int all = x->sources_n > 0;
	for (size_t i = 0; i < x->sources_n; i++) {
		int one = check_spf_source(x, s, &x->sources[i]);
		if (one == 0 || all == 1)
			all = one; /* one that fails decides, whatever is not known of others */
	}
	return all;
}

/* ---- DKIM ---- */

bool
doctor_signs(const struct pr_dkim_key *key, const char *from_domain)
{
	struct pr_str from = pr_str(from_domain), d = pr_text_str(&key->domain);
	if (from.n < d.n || !pr_str_eq_nocase(pr_str_n(from.p + from.n - d.n, d.n), d))
		return false;
	return from.n == d.n || from.p[from.n - d.n - 1] == '.';
}

/* As zone files have it: a long text is several strings. */
static const char *
record_to_publish(struct examination *x, const char *name, const struct pr_dkim_public *key)
{
	struct pr_buf text = {0}, line = {0};
	pr_dkim_public_record(key, &text);
	pr_buf_addf(&line, "publish: %s. IN TXT", name);
	for (size_t from = 0; from < text.len; from += TXT_STRING_MAX) {
		size_t n = text.len - from < TXT_STRING_MAX ? text.len - from : TXT_STRING_MAX;
		pr_buf_addf(&line, " \"%.*s\"", (int)n, text.data + from);
	}
	const char *remedy = doctor_remedy(x, "%s", line.data);
	pr_buf_finish(&text);
	pr_buf_finish(&line);
	return remedy;
}

/* What is wrong with a record that is published; NULL: nothing. */
static const char *
fault_of(const struct pr_dkim_record *r, const struct pr_dkim_public *key)
{
	if (r->revoked)
		return "revokes the key (p= is empty)";
	if (!pr_dkim_same(r, key))
		return "has another key than key_file";
	if (!r->email)
		return "is not for e-mail (s=)";
	if (!r->sha256)
		return "does not allow sha256 (h=)";
	return NULL;
}

static bool
judge_key(struct examination *x, struct about about, const char *name,
          const struct pr_dkim_record *r, const struct pr_dkim_public *key)
{
	const char *fault = fault_of(r, key);
	if (fault)
		doctor_say(x, about, PR_DOCTOR_PROBLEM, record_to_publish(x, name, key),
		           "The DKIM record %s %s.", name, fault);
	else if (!key->ed25519 && key->bits < BITS_ADVISED)
		doctor_say(x, about, PR_DOCTOR_WARNING,
		           "make an RSA key of 2048 bits, under a new selector",
		           "The DKIM key %s is published, but has %d bits only.", name, key->bits);
	else if (r->testing)
		doctor_say(x, about, PR_DOCTOR_WARNING, "publish it without t=y",
		           "The DKIM key %s is published as a test (t=y).", name);
	else
		doctor_say(x, about, PR_DOCTOR_OK, "", "The DKIM key %s is published (%s).", name,
		           key->ed25519 ? "Ed25519" : "RSA");
	return !fault;
}

/* The record that parses, of all at the name. PR_ENOENT: there is none. */
static int
find_key(const struct pr_doctor_answer *answer, struct pr_dkim_record *record, struct pr_error *e)
{
	int r = pr_fail(e, PR_ENOENT, "it is missing");
	for (size_t i = 0; i < answer->n && r < 0; i++)
		r = pr_dkim_record_parse(answer->records[i], record, e);
	return r;
}

int
doctor_check_dkim(struct examination *x, const char *from_domain, const struct pr_dkim_key *k)
{
	struct about about = {from_domain, "", "dkim"};
	struct pr_doctor_answer answer;
	struct pr_dkim_public key;
	struct pr_dkim_record record;
	struct pr_error e = {0};
	const char *name = doctor_remedy(x, "%s._domainkey.%s", k->selector.p, k->domain.p);
	if (pr_dkim_public_read(k->key_file.p, &key, &e) < 0) {
		doctor_say(x, about, PR_DOCTOR_PROBLEM,
		           "correct dkim.key_file, or run this as a user who may read it",
		           "The DKIM key of %s cannot be read: %s.", name, e.text);
		return 0;
	}
	if (x->dns->look_up(x->dns->context, name, PR_DNS_TXT, &answer) == PR_DNS_TEMP) {
		doctor_say(x, about, PR_DOCTOR_UNKNOWN, LATER,
		           "The DKIM record %s cannot be looked up now.", name);
		return PR_EAGAIN;
	}
	if (find_key(&answer, &record, &e) < 0) {
		doctor_say(x, about, PR_DOCTOR_PROBLEM, record_to_publish(x, name, &key),
		           "The DKIM record %s cannot be used: %s.", name, e.text);
		return 0;
	}
	return judge_key(x, about, name, &record, &key);
}

/* ---- the return path ---- */

/* Whether there is a record of the type: 1, 0, PR_EAGAIN. */
static int
has(struct examination *x, const char *name, enum pr_dns_type type)
{
	struct pr_doctor_answer answer;
	enum pr_dns_status status = x->dns->look_up(x->dns->context, name, type, &answer);
	if (type == PR_DNS_MX && answer.n == 1 && strcmp(answer.records[0].p, ".") == 0)
		return 0; /* it takes no mail (RFC 7505) */
	return status == PR_DNS_TEMP ? PR_EAGAIN : status == PR_DNS_OK;
}

void
doctor_check_return_path(struct examination *x, const struct subject *s)
{
	struct about about = {s->domain, "", "return-path"};
	int mx = has(x, s->bounce, PR_DNS_MX);
	int a = mx == 1 ? 1 : has(x, s->bounce, PR_DNS_A);
	if (a == 0)
		a = has(x, s->bounce, PR_DNS_AAAA);
	const char *remedy =
	    doctor_remedy(x, "publish: %s. IN MX 10 HOST., the host that takes bounces", s->bounce);
	if (mx == 1)
		doctor_say(x, about, PR_DOCTOR_OK, "", "The return path %s takes mail (MX).",
		           s->bounce);
	else if (a == 1)
		doctor_say(x, about, PR_DOCTOR_WARNING, remedy,
		           "The return path %s has an address, but no MX for bounces.", s->bounce);
	else if (mx < 0 || a < 0)
		doctor_say(x, about, PR_DOCTOR_UNKNOWN, LATER,
		           "The return path %s cannot be looked up now.", s->bounce);
	else
		doctor_say(x, about, PR_DOCTOR_PROBLEM, remedy,
		           "The return path %s does not resolve: receivers refuse it.", s->bounce);
}
