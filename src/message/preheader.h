/* The preheader's hidden block: mailboxes show it after the subject, mail programs do not. */
#ifndef POSTRIDER_MESSAGE_PREHEADER_H
#define POSTRIDER_MESSAGE_PREHEADER_H

#define PR_PREHEADER_OPEN                                                                          \
	"<div style=\"display:none;max-height:0;overflow:hidden;opacity:0;mso-hide:all\">"
#define PR_PREHEADER_CLOSE "</div>"

#endif
