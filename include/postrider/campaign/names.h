/*
 * Names of files as people's machines make them. Pure.
 */
#ifndef POSTRIDER_CAMPAIGN_NAMES_H
#define POSTRIDER_CAMPAIGN_NAMES_H

#include "postrider/base/buf.h"

/* What machines leave behind, not part of a campaign: dotfiles, Thumbs.db, desktop.ini, ~$*,
 * Icon\r,
 * __MACOSX (formats.md). */
bool pr_name_is_debris(const char *name);
/* An upload under way: *.part, *.filepart, *.crdownload, *.tmp. */
bool pr_name_is_partial(const char *name);
/* What the daemon itself writes into a campaign's folder, at its top: a folder that comes back
 * from done/ or rejected/ holds such files; they are never taken as the user's. */
bool pr_name_is_generated(const char *name);

/* One component of a path as Linux and the web have it: NFC (macOS has NFD), no white space at
 * its end (Windows cannot make it, Samba and zip can). False when it is not UTF-8, has control
 * characters or a backslash, or nothing is left. */
bool pr_name_normal(const char *name, struct pr_buf *out);
/* The same name to somebody's eye: equal after pr_name_normal and folding of case. */
bool pr_name_alike(const char *a, const char *b);

#endif
