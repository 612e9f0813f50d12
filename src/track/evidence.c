/*
 * What the headers of a request tell: whether it may be a machine's, and on what device. Tables of
 * words, looked for without regard to case: none of them stands in what a mail program or a
 * browser says of itself.
 */
#include "internal.h"

#include <strings.h>

/* Scanners of security products, programs that fetch, robots that say so. */
static const char *const scanners[] = {
    "curl/",      "wget/",       "python",      "go-http-client",
    "java/",      "okhttp",      "libwww",      "httpclient",
    "axios",      "node-fetch",  "undici",      "ruby",
    "php/",       "guzzle",      "perl",        "winhttp",
    "powershell", "headless",    "phantomjs",   "selenium",
    "+http",      "bot/",        "bot;",        "bot)",
    "crawler",    "spider",      "scanner",     "scan ",
    "slurp",      "preview",     "barracuda",   "proofpoint",
    "mimecast",   "safelinks",   "symantec",    "messagelabs",
    "trendmicro", "trend micro", "ironport",    "cisco",
    "fireeye",    "zscaler",     "forcepoint",  "sophos",
    "fortinet",   "urlscan",     "virustotal",  "checkpoint",
    "avast",      "kaspersky",   "facebookext", "existence discovery",
    "monitor",    "validator",
};

static bool
has_word(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}
#define HAS(text, words) has_word(text, words, sizeof(words) / sizeof *(words))

/* Mail Privacy Protection says exactly this and nothing else. */
static bool
is_apple_proxy(const char *agent)
{
	return strcmp(agent, "Mozilla/5.0") == 0;
}

static bool
is_google_proxy(const char *agent)
{
	return strstr(agent, "GoogleImageProxy") != NULL;
}

static bool
is_prefetch(const char *purpose)
{
	return purpose && strncasecmp(purpose, "prefetch", strlen("prefetch")) == 0;
}

uint16_t
track_evidence(const struct track_headers *h)
{
	const char *agent = h->user_agent ? h->user_agent : "";
	unsigned found = h->head ? PR_EVIDENCE_HEAD : 0;
	if (!h->accept_language || !*h->accept_language)
		found |= PR_EVIDENCE_NO_LANGUAGE;
	if (is_apple_proxy(agent))
		found |= PR_EVIDENCE_APPLE_PROXY;
	else if (is_google_proxy(agent))
		found |= PR_EVIDENCE_GOOGLE_PROXY;
	else if (!*agent || HAS(agent, scanners))
		found |= PR_EVIDENCE_SCANNER;
	if (is_prefetch(h->purpose) || is_prefetch(h->sec_purpose))
		found |= PR_EVIDENCE_PREFETCH;
	return (uint16_t)found;
}

enum pr_device
track_device(const char *agent)
{
	static const char *const tablets[] = {"ipad", "tablet", "kindle", "silk/"};
	static const char *const mobiles[] = {"iphone", "ipod", "mobile", "windows phone"};
	static const char *const desktops[] = {"windows", "macintosh", "x11", "cros ", "linux"};
	if (!agent || is_google_proxy(agent))
		return PR_DEVICE_UNKNOWN;
	if (HAS(agent, tablets))
		return PR_DEVICE_TABLET;
	if (HAS(agent, mobiles))
		return PR_DEVICE_MOBILE;
	if (strcasestr(agent, "android")) /* without "Mobile", as Android's makers want it */
		return PR_DEVICE_TABLET;
	return HAS(agent, desktops) ? PR_DEVICE_DESKTOP : PR_DEVICE_UNKNOWN;
}
