/*
 * Words of suppression: reasons, scopes, and how addresses are compared.
 *
 * The hash of a forgotten person is two SipHash-2-4 of 64 bits under keys that never leave the
 * file: enough to know an address when it comes again, of no use to whoever does not have one
 * already.
 */
#include "internal.h"

#include "postrider/audience/contacts.h"

#include <stdio.h>

static const char *const words[PR_SUPPRESSION_REASONS] = {"manual",  "unsubscribed", "complained",
                                                          "bounced", "imported",     "forgotten"};

const char *
pr_suppression_word(enum pr_suppression_reason r)
{
	return (unsigned)r < PR_SUPPRESSION_REASONS ? words[r] : words[PR_SUPPRESSION_MANUAL];
}

bool
pr_suppression_parse(struct pr_str word, enum pr_suppression_reason *out)
{
	for (int i = 0; i < PR_SUPPRESSION_REASONS; i++)
		if (pr_str_is(word, words[i])) {
			*out = (enum pr_suppression_reason)i;
			return true;
		}
	return false;
}

/* As manifests have it. */
bool
pr_list_name_is_good(struct pr_str list)
{
	bool good = list.n > 0 && list.n <= PR_AUDIENCE_LIST_MAX;
	for (size_t i = 0; good && i < list.n; i++) {
		char c = pr_lower(list.p[i]);
		good = (c >= 'a' && c <= 'z') || pr_is_digit(c) || strchr("-_.", c);
	}
	return good;
}

static bool
is_class(struct pr_str word)
{
	return pr_str_is(word, "all") || pr_str_is(word, "marketing") ||
	       pr_str_is(word, "transactional");
}

int
pr_scope_of(struct pr_str list, struct pr_str class_, enum pr_suppression_reason reason,
            char out[PR_SCOPE_SIZE], const char **why)
{
	if (list.p && class_.p)
		*why = "say a list or a class, not both";
	else if (list.p && !pr_list_name_is_good(list))
		*why = "the list must be 1 to 64 letters, digits, '-', '_' or '.'";
	else if (class_.p && !is_class(class_))
		*why = "the class must be marketing, transactional or all";
	else {
		bool left = reason == PR_SUPPRESSION_UNSUBSCRIBED;
		struct pr_str scope = class_.p ? class_ : pr_str(left ? "marketing" : "all");
		if (list.p)
			snprintf(out, PR_SCOPE_SIZE, "list %.*s", (int)list.n, list.p);
		else
			snprintf(out, PR_SCOPE_SIZE, "%.*s", (int)scope.n, scope.p);
		return 0;
	}
	return PR_EINVAL;
}

/* "list ~" and digits: the list of a token. */
static bool
is_list_of_token(const pr_audience *a, struct pr_str scope, const char *list)
{
	char ours[PR_SCOPE_SIZE];
	unsigned key;
	const struct pr_audience_keys *names = a->names;
	if (!names || !names->tokens || sscanf(scope.p, "list ~%2x", &key) != 1)
		return false;
	uint32_t hash = names->list(names->tokens, (char)key, pr_str(list));
	return hash && pr_str_eq(scope, pr_audience_token_list((char)key, hash, ours));
}

bool
audience_stops(const pr_audience *a, struct pr_str scope, const struct pr_audience_who *who)
{
	if (pr_str_starts(scope, "list ~"))
		return is_list_of_token(a, scope, who->list);
	if (pr_str_starts(scope, "list "))
		return pr_str_is(pr_str_n(scope.p + 5, scope.n - 5), who->list);
	return pr_str_is(scope, "all") ||
	       pr_str_is(scope, who->transactional ? "transactional" : "marketing");
}

struct pr_str
audience_normal(struct pr_str address, char out[ADDRESS_MAX + 1])
{
	size_t n = address.n <= ADDRESS_MAX ? address.n : ADDRESS_MAX;
	for (size_t i = 0; i < n; i++)
		out[i] = pr_lower(address.p[i]);
	out[n] = 0;
	return pr_str_n(out, n);
}

struct pr_str
audience_hash(const pr_audience *a, struct pr_str normal, char out[HASH_SIZE])
{
	snprintf(out, HASH_SIZE, "#%016llx%016llx",
	         (unsigned long long)pr_siphash(a->keys[0], normal.p, normal.n),
	         (unsigned long long)pr_siphash(a->keys[1], normal.p, normal.n));
	return pr_str_n(out, HASH_SIZE - 1);
}

/* ---- known by token ---- */

/* The id in digits: what stands there is in lower case, ids are not. */
struct pr_str
pr_audience_token(char key, uint64_t address, char out[PR_AUDIENCE_TOKEN_SIZE])
{
	int n = snprintf(out, PR_AUDIENCE_TOKEN_SIZE, "~%02x%016llx", (unsigned char)key,
	                 (unsigned long long)address);
	return pr_str_n(out, (size_t)n);
}

struct pr_str
pr_audience_token_list(char key, uint32_t list, char out[PR_SCOPE_SIZE])
{
	int n = snprintf(out, PR_SCOPE_SIZE, "list ~%02x%08x", (unsigned char)key, (unsigned)list);
	return pr_str_n(out, (size_t)n);
}

bool
pr_audience_read_token(struct pr_str address, char *key, uint64_t *hash)
{
	unsigned id;
	unsigned long long digits;
	char text[PR_AUDIENCE_TOKEN_SIZE];
	if (address.n != sizeof text - 1 || address.p[0] != '~')
		return false;
	memcpy(text, address.p, address.n);
	text[address.n] = 0;
	if (strspn(text + 1, "0123456789abcdef") != sizeof text - 2 ||
	    sscanf(text, "~%2x%16llx", &id, &digits) != 2)
		return false;
	*key = (char)id;
	*hash = digits;
	return true;
}

struct pr_str
audience_token_of(const pr_audience *a, size_t i, struct pr_str normal,
                  char out[PR_AUDIENCE_TOKEN_SIZE])
{
	const struct pr_audience_keys *names = a->names;
	char key = a->known_by[i];
	uint64_t hash = names && names->tokens ? names->address(names->tokens, key, normal) : 0;
	return hash ? pr_audience_token(key, hash, out) : PR_STR("");
}
