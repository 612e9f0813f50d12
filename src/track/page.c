/*
 * The pages: HTML without scripts and without anything from elsewhere, readable by everybody (one
 * heading, labels, contrast of 7 to 1 or more, light and dark, any size of type).
 */
#include "internal.h"

enum text {
	LEAVE_TITLE,
	LEAVE_ASK, /* %s: the sender */
	LEAVE_BUTTON,
	LEFT_TITLE,
	LEFT_TEXT,
	PREFERENCES_TITLE,
	PREFERENCES_ASK, /* %s */
	PREFERENCES_LIST,
	PREFERENCES_ALL, /* %s */
	PREFERENCES_OPENS,
	PREFERENCES_BUTTON,
	SAVED_TITLE,
	SAVED_TEXT,
	NOT_FOUND_TITLE,
	NOT_FOUND_TEXT,
	GONE_TITLE,
	GONE_TEXT,
	TOO_FAST_TITLE,
	TOO_FAST_TEXT,
	BAD_TITLE,
	BAD_TEXT,
	LATER_TITLE,
	LATER_TEXT,
	SENDER, /* where it has no name */
	TEXTS
};

static const char *const texts[TRACK_LANGUAGES][TEXTS] = {
    [TRACK_EN] = {"Unsubscribe",
                  "Do you want to get no more of these mails from %s?",
                  "Unsubscribe",
                  "You are unsubscribed",
                  "You will get no more of these mails.",
                  "Your preferences",
                  "What would you like to change about the mails from %s?",
                  "I want no more mails of this list",
                  "I want no more offers and news from %s at all",
                  "Do not record whether I open mails",
                  "Save",
                  "Saved",
                  "What you have chosen holds from now on.",
                  "Not found",
                  "This link is not valid, or not any more.",
                  "Switched off",
                  "This link was switched off.",
                  "Too many requests",
                  "Please try again in a moment.",
                  "That was not understood",
                  "Please go back and try again.",
                  "Not possible just now",
                  "This could not be saved. Please try again in a few minutes.",
                  "this sender"},
    [TRACK_ZH] = {"退订",
                  "您不想再收到来自 %s 的此类邮件吗?",
                  "退订",
                  "您已退订",
                  "您将不再收到此类邮件。",
                  "您的偏好设置",
                  "对于来自 %s 的邮件,您想更改什么?",
                  "不再接收此列表的邮件",
                  "不再接收 %s 的任何优惠和资讯",
                  "不要记录我是否打开邮件",
                  "保存",
                  "已保存",
                  "您的选择从现在起生效。",
                  "未找到",
                  "此链接无效或已失效。",
                  "已停用",
                  "此链接已被停用。",
                  "请求过多",
                  "请稍后再试。",
                  "无法理解该请求",
                  "请返回并重试。",
                  "暂时无法处理",
                  "未能保存,请几分钟后再试。",
                  "此发件人"},
    [TRACK_DE] = {"Abmelden",
                  "Möchten Sie diese E-Mails von %s nicht mehr erhalten?",
                  "Abmelden",
                  "Sie sind abgemeldet",
                  "Sie erhalten diese E-Mails nicht mehr.",
                  "Ihre Einstellungen",
                  "Was möchten Sie an den E-Mails von %s ändern?",
                  "Ich möchte keine E-Mails dieser Liste mehr",
                  "Ich möchte gar keine Angebote und Neuigkeiten von %s mehr",
                  "Nicht aufzeichnen, ob ich E-Mails öffne",
                  "Speichern",
                  "Gespeichert",
                  "Ihre Auswahl gilt ab sofort.",
                  "Nicht gefunden",
                  "Dieser Link ist nicht oder nicht mehr gültig.",
                  "Abgeschaltet",
                  "Dieser Link wurde abgeschaltet.",
                  "Zu viele Anfragen",
                  "Bitte versuchen Sie es gleich noch einmal.",
                  "Das wurde nicht verstanden",
                  "Bitte gehen Sie zurück und versuchen Sie es erneut.",
                  "Im Moment nicht möglich",
                  "Das konnte nicht gespeichert werden. Bitte versuchen Sie es in einigen Minuten "
                  "noch einmal.",
                  "diesem Absender"},
    [TRACK_FR] = {"Se désabonner",
                  "Ne souhaitez-vous plus recevoir ces messages de %s ?",
                  "Me désabonner",
                  "Vous êtes désabonné(e)",
                  "Vous ne recevrez plus ces messages.",
                  "Vos préférences",
                  "Que souhaitez-vous changer pour les messages de %s ?",
                  "Je ne veux plus de messages de cette liste",
                  "Je ne veux plus aucune offre ni actualité de %s",
                  "Ne pas enregistrer si j’ouvre les messages",
                  "Enregistrer",
                  "Enregistré",
                  "Votre choix est valable dès maintenant.",
                  "Introuvable",
                  "Ce lien n’est pas valable, ou ne l’est plus.",
                  "Désactivé",
                  "Ce lien a été désactivé.",
                  "Trop de requêtes",
                  "Veuillez réessayer dans un instant.",
                  "Cela n’a pas été compris",
                  "Veuillez revenir en arrière et réessayer.",
                  "Impossible pour le moment",
                  "Cela n’a pas pu être enregistré. Veuillez réessayer dans quelques minutes.",
                  "cet expéditeur"},
    [TRACK_ES] = {"Darse de baja",
                  "¿Desea dejar de recibir estos correos de %s?",
                  "Darme de baja",
                  "Se ha dado de baja",
                  "Ya no recibirá estos correos.",
                  "Sus preferencias",
                  "¿Qué desea cambiar en los correos de %s?",
                  "No quiero más correos de esta lista",
                  "No quiero más ofertas ni noticias de %s",
                  "No registrar si abro los correos",
                  "Guardar",
                  "Guardado",
                  "Su elección es válida desde ahora.",
                  "No encontrado",
                  "Este enlace no es válido, o ya no lo es.",
                  "Desactivado",
                  "Este enlace ha sido desactivado.",
                  "Demasiadas solicitudes",
                  "Inténtelo de nuevo en un momento.",
                  "No se ha entendido",
                  "Vuelva atrás e inténtelo de nuevo.",
                  "No es posible en este momento",
                  "No se ha podido guardar. Inténtelo de nuevo dentro de unos minutos.",
                  "este remitente"},
};

static const char head[] =
    "<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<meta name=\"robots\" content=\"noindex\"><style>"
    ":root{color-scheme:light dark}"
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}"
    "h1{font-size:1.5rem}label{display:block;margin:.75rem 0}"
    "input{width:1.2rem;height:1.2rem;vertical-align:-.2rem;margin-right:.5rem}"
    "button{font:inherit;padding:.6rem 1.4rem;border:2px solid #0b3d91;border-radius:.4rem;"
    "background:#0b3d91;color:#fff;cursor:pointer}"
    "button:focus-visible,input:focus-visible{outline:3px solid #d97706;outline-offset:2px}"
    "@media(prefers-color-scheme:dark){body{color:#f0f0f0;background:#161616}"
    "button{background:#a8c7fa;border-color:#a8c7fa;color:#10233f}}"
    "</style>";

/* A text of ours, escaped, with the sender in the place of its %s. */
static void
add_text(struct pr_buf *to, const char *text, const char *sender)
{
	const char *at = strstr(text, "%s");
	if (!at) {
		pr_buf_add_html(to, pr_str(text));
		return;
	}
	pr_buf_add_html(to, pr_str_n(text, (size_t)(at - text)));
	pr_buf_adds(to, "<bdi>"); /* whatever its letters are, the sentence stays in order */
	pr_buf_add_html(to, pr_str(sender));
	pr_buf_adds(to, "</bdi>");
	pr_buf_add_html(to, pr_str(at + 2));
}

static void
add_choice(struct pr_buf *to, const char *name, const char *text, const char *sender)
{
	pr_buf_addf(to, "<label><input type=\"checkbox\" name=\"%s\" value=\"1\">", name);
	add_text(to, text, sender);
	pr_buf_adds(to, "</label>");
}

static void
add_form(struct pr_buf *to, enum track_page page, const char *const *t, const char *sender,
         bool list)
{
	bool leave = page == TRACK_PAGE_LEAVE;
	pr_buf_adds(to, "<form method=\"post\">");
	if (leave)
		pr_buf_adds(to, "<input type=\"hidden\" name=\"leave\" value=\"1\">");
	if (!leave && list)
		add_choice(to, "list", t[PREFERENCES_LIST], sender);
	if (!leave) {
		add_choice(to, "all", t[PREFERENCES_ALL], sender);
		add_choice(to, "opens", t[PREFERENCES_OPENS], sender);
	}
	pr_buf_adds(to, "<p><button type=\"submit\">");
	pr_buf_add_html(to, pr_str(t[leave ? LEAVE_BUTTON : PREFERENCES_BUTTON]));
	pr_buf_adds(to, "</button></p></form>");
}

void
track_add_page(struct pr_buf *to, enum track_page page, enum track_language l, const char *sender,
               bool list)
{
	static const struct {
		enum text title, text;
		bool asks;
	} pages[TRACK_PAGES] = {
	    [TRACK_PAGE_LEAVE] = {LEAVE_TITLE, LEAVE_ASK, true},
	    [TRACK_PAGE_LEFT] = {LEFT_TITLE, LEFT_TEXT, false},
	    [TRACK_PAGE_PREFERENCES] = {PREFERENCES_TITLE, PREFERENCES_ASK, true},
	    [TRACK_PAGE_SAVED] = {SAVED_TITLE, SAVED_TEXT, false},
	    [TRACK_PAGE_NOT_FOUND] = {NOT_FOUND_TITLE, NOT_FOUND_TEXT, false},
	    [TRACK_PAGE_GONE] = {GONE_TITLE, GONE_TEXT, false},
	    [TRACK_PAGE_TOO_FAST] = {TOO_FAST_TITLE, TOO_FAST_TEXT, false},
	    [TRACK_PAGE_BAD] = {BAD_TITLE, BAD_TEXT, false},
	    [TRACK_PAGE_LATER] = {LATER_TITLE, LATER_TEXT, false},
	};
	const char *const *t = texts[l];
	const char *who = sender && *sender ? sender : t[SENDER];
	pr_buf_addf(to, "<!doctype html><html lang=\"%s\"><head>%s<title>", track_language_tag(l),
	            head);
	pr_buf_add_html(to, pr_str(t[pages[page].title]));
	pr_buf_adds(to, "</title></head><body><main><h1>");
	pr_buf_add_html(to, pr_str(t[pages[page].title]));
	pr_buf_adds(to, "</h1><p>");
	add_text(to, t[pages[page].text], who);
	pr_buf_adds(to, "</p>");
	if (pages[page].asks)
		add_form(to, page, t, who, list);
	pr_buf_adds(to, "</main></body></html>\n");
}
