/* The checks of a From domain on its own: SPF of its return path, DKIM keys, the return path. */
#include "examination.h"

#include <stdio.h>
#include <string.h>

#define BITS_ADVISED 2048
#define EXCHANGERS_MAX 10u  /* looked at, the best of them */
#define TXT_STRING_MAX 255u /* octets of one string of a TXT record (RFC 1035 section 3.3) */

/* As zone files have it: a long text is several strings. Takes the text. */
static const char *
text_to_publish(struct examination *x, const char *name, struct pr_buf *text)
{
	struct pr_buf line = {0};
	pr_buf_addf(&line, "publish: %s. IN TXT", name);
	for (size_t from = 0; from < text->len; from += TXT_STRING_MAX) {
		size_t n = text->len - from < TXT_STRING_MAX ? text->len - from : TXT_STRING_MAX;
		pr_buf_addf(&line, " \"%.*s\"", (int)n, text->data + from);
	}
	const char *remedy = doctor_remedy(x, "%s", line.data);
	pr_buf_finish(text);
	pr_buf_finish(&line);
	return remedy;
}

/* ---- SPF ---- */

static const char *
mechanism_of(const struct source *source)
{
	return strchr(source->address, ':') ? "ip6" : "ip4";
}

/* One record for all sources: of two, receivers take none (RFC 7208 section 4.5). */
static const char *
spf_to_publish(struct examination *x, const struct subject *s)
{
	struct pr_buf text = {0};
	pr_buf_adds(&text, "v=spf1");
	for (size_t i = 0; i < x->sources_n; i++)
		pr_buf_addf(&text, " %s:%s", mechanism_of(&x->sources[i]), x->sources[i].address);
	pr_buf_adds(&text, " -all");
	return text_to_publish(x, s->bounce, &text);
}

static int
check_spf_source(struct examination *x, const struct subject *s, const struct source *source)
{
	struct about about = {s->domain, source->address, "spf"};
	char why[200];
	struct pr_spf_query query = {
	    .address = source->address, .domain = s->bounce, .helo = source->hostname};
	enum pr_spf_result result = pr_spf_check(x->dns, &query, why);
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
		remedy = spf_to_publish(x, s);
	else if (result == PR_SPF_PERMERROR)
		remedy = doctor_remedy(x, "correct the SPF record of %s", s->bounce);
	else
		remedy = doctor_remedy(x, "add %s:%s to the SPF record of %s, before its all",
		                       mechanism_of(source), source->address, s->bounce);
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
	return pr_domain_under(pr_str(from_domain), pr_text_str(&key->domain));
}

static const char *
record_to_publish(struct examination *x, const char *name, const struct pr_dkim_public *key)
{
	struct pr_buf text = {0};
	pr_dkim_public_record(key, &text);
	return text_to_publish(x, name, &text);
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

/* Whether the host has an address: 1, 0, PR_EAGAIN. */
static int
has_address(struct examination *x, const char *host)
{
	struct pr_doctor_answer answer;
	enum pr_dns_status v4 = x->dns->look_up(x->dns->context, host, PR_DNS_A, &answer);
	if (v4 == PR_DNS_OK)
		return 1;
	enum pr_dns_status v6 = x->dns->look_up(x->dns->context, host, PR_DNS_AAAA, &answer);
	if (v6 == PR_DNS_OK)
		return 1;
	return v4 == PR_DNS_TEMP || v6 == PR_DNS_TEMP ? PR_EAGAIN : 0;
}

static int
any_has_address(struct examination *x, const struct pr_doctor_answer *exchangers)
{
	int any = 0;
	for (size_t i = 0; any != 1 && i < exchangers->n && i < EXCHANGERS_MAX; i++) {
		int one = has_address(x, exchangers->records[i].p);
		if (one != 0)
			any = one;
	}
	return any;
}

static void
say_return_path(struct examination *x, const struct subject *s, enum pr_doctor_result result,
                const char *words)
{
	const char *remedy = result == PR_DOCTOR_UNKNOWN ? LATER : "";
	if (result == PR_DOCTOR_WARNING || result == PR_DOCTOR_PROBLEM)
		remedy = doctor_remedy(
		    x, "publish: %s. IN MX 10 HOST., the host that takes bounces", s->bounce);
	doctor_say(x, (struct about){s->domain, "", "return-path"}, result, remedy,
	           "The return path %s %s.", s->bounce, words);
}

void
doctor_check_return_path(struct examination *x, const struct subject *s)
{
	struct pr_doctor_answer mx;
	enum pr_dns_status status = x->dns->look_up(x->dns->context, s->bounce, PR_DNS_MX, &mx);
	bool null = mx.n == 1 && strcmp(mx.records[0].p, ".") == 0; /* RFC 7505 */
	int there = status == PR_DNS_TEMP ? PR_EAGAIN
	            : null                ? 0
	            : mx.n                ? any_has_address(x, &mx)
	                                  : has_address(x, s->bounce);
	if (there < 0)
		say_return_path(x, s, PR_DOCTOR_UNKNOWN, "cannot be looked up now");
	else if (null)
		say_return_path(x, s, PR_DOCTOR_PROBLEM,
		                "takes no mail (its MX is \".\"): receivers refuse it");
	else if (there && mx.n)
		say_return_path(x, s, PR_DOCTOR_OK, "takes mail (MX)");
	else if (there)
		say_return_path(x, s, PR_DOCTOR_WARNING, "has an address, but no MX for bounces");
	else if (mx.n)
		say_return_path(x, s, PR_DOCTOR_PROBLEM,
		                "has MX records, but none of their hosts has an address");
	else
		say_return_path(x, s, PR_DOCTOR_PROBLEM, "does not resolve: receivers refuse it");
}
