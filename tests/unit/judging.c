#include "tests/unit/unit.h"

#include "tests/unit/judging.h"

struct identity root, sub, low, web, other_root;

int judging_begin(void **state)
{
	const struct recipe root_recipe = { .name = "Root", .authority = true };
	const struct recipe sub_recipe = { .name = "Sub", .authority = true, .issuer = &root };
	const struct recipe low_recipe = { .name = "Low", .authority = true, .issuer = &sub };
	const struct recipe web_recipe = { .name = "web.example",
		.issuer = &low,
		.usages = "serverAuth",
		.names = "DNS:web.example,DNS:*.pods.example,IP:192.0.2.1,IP:2001:db8::1" };
	const struct recipe other_recipe = { .name = "Other Root", .authority = true };

	(void)state;
	identity_make(&root, &root_recipe);
	identity_make(&sub, &sub_recipe);
	identity_make(&low, &low_recipe);
	identity_make(&web, &web_recipe);
	identity_make(&other_root, &other_recipe);
	return 0;
}

int judging_end(void **state)
{
	(void)state;
	identity_done(&root);
	identity_done(&sub);
	identity_done(&low);
	identity_done(&web);
	identity_done(&other_root);
	return 0;
}

void drop_pair(struct asking *asking, const char *name, const struct identity *who)
{
	autodone(buffer) struct buffer text = { 0 };

	add_certificate(&text, who);
	add_key(&text, who, NULL);
	ask_file(asking, name, &text);
}

void drop_certificates(struct asking *asking, const struct identity *const who[])
{
	autodone(buffer) struct buffer text = { 0 };

	for (; *who; who++)
		add_certificate(&text, *who);
	ask_file(asking, "others.pem", &text);
}
