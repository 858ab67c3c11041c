#include "controller/certdrop/present/present-line.h"

static void add_line(struct buffer *text, const struct style *style, const json_t *document,
		const char *what, const char *field)
{
	line_add(text, style, TONE_STRONG, field_text(document, "target", "-"));
	buffer_add(text, ": ");
	line_add(text, style, TONE_PLAIN, what);
	line_add(text, style, TONE_PLAIN, field_text(document, field, "-"));
	buffer_add(text, "\n");
}

void present_generated(const json_t *document, const struct style *style, struct buffer *text)
{
	const char *key = field_text(document, "key", "-");
	const char *subject = field_text(document, "subject", "-");
	const char *until = field_text(document, "not_after", NULL);
	autodone(buffer) struct buffer what = { 0 }, request = { 0 };

	buffer_printf(&what, "%s key", key);
	if (until)
		buffer_printf(&what, " and self-signed certificate for %s until %s", subject,
				until);
	buffer_add(&what, " in ");
	add_line(text, style, document, buffer_text(&what), "file");
	if (until)
		return;
	buffer_printf(&request, "request for %s, to be signed, in ", subject);
	add_line(text, style, document, buffer_text(&request), "request");
}
