#include "reconcilers/redis-enterprise/redis-enterprise.h"

#include <stdarg.h>
#include <string.h>

bool equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (equal(word, *words))
			return true;
	return false;
}

struct words words_of(struct arena *arena, const char *word, ...)
{
	struct words words = { 0 };
	size_t size = 0;
	va_list more;

	va_start(more, word);
	for (; word; word = va_arg(more, const char *)) {
		words.items = arena_with_room(
				arena, words.items, words.count, &size, sizeof(*words.items));
		words.items[words.count++] = word;
	}
	va_end(more);
	return words;
}

struct rows one_row(struct arena *arena, struct words words)
{
	struct words *row = arena_new_of(arena, struct words);

	*row = words;
	return (struct rows){ .items = row, .count = 1 };
}

struct rows picks(struct arena *arena, const char *const (*rows)[3], size_t count)
{
	struct rows result = { .items = arena_new_many(arena, struct words, count),
		.count = count };

	for (size_t i = 0; i < count; i++)
		result.items[i] = words_of(arena, rows[i][0], rows[i][1], rows[i][2], NULL);
	return result;
}

const char *host_of(struct arena *arena, const char *address)
{
	const char *host = strstr(address, "://");
	const char *end;

	host = host ? host + strlen("://") : address;
	end = *host == '[' ? strchr(host, ']') : NULL;
	end = end ? end + 1 : host + strcspn(host, ":/");
	return arena_copy_bytes(arena, host, (size_t)(end - host));
}

/* A redirect may lead to another address of the same cluster, and nowhere else. */
static struct words hosts_of(const struct redis *r, const struct settings *access)
{
	const struct words apis = setting_words(access, "api");
	const struct words more = setting_words(access, "hosts");
	const struct words seen = access == r->settings ? r->hosts : (struct words){ 0 };
	struct words hosts = { .items = arena_new_many(r->arena, const char *,
					       apis.count + more.count + seen.count) };

	for (size_t i = 0; i < apis.count; i++)
		hosts.items[hosts.count++] = host_of(r->arena, apis.items[i]);
	for (size_t i = 0; i < more.count; i++)
		hosts.items[hosts.count++] = more.items[i];
	for (size_t i = 0; i < seen.count; i++)
		if (!words_contain(hosts, seen.items[i]))
			hosts.items[hosts.count++] = seen.items[i];
	return hosts;
}

/* `prints`: what was written down; NULL: nothing. What shows the certificate that was replaced may
 * show the one of before for a while, or again. */
static const char *prints_of(
		const struct redis *r, const struct settings *access, const char *prints)
{
	static const char *const shown_by_api[] = { "api", "cm", NULL };
	const struct words targets = setting_words(access, "replaced-by");

	if (access == r->settings && is_one_of(r->slot->name, shown_by_api))
		prints = plan_add_pins(r->plan, prints, r->target->name);
	for (size_t i = 0; i < targets.count; i++)
		prints = plan_add_pins(r->plan, prints, targets.items[i]);
	return prints;
}

struct http_step rest_request(const struct redis *r, const struct settings *access, const char *api,
		const char *method, const char *path)
{
	const char *pin = setting_text(access, "pin");

	return (struct http_step){
		.method = method,
		.url = arena_printf(r->arena, "%s%s", api, path),
		.headers = one_row(
				r->arena, words_of(r->arena, "Accept", "application/json", NULL)),
		.ca_file = setting_text(access, "ca-file"),
		.pin = pin ? prints_of(r, access, pin) : NULL,
		.also = pin ? NULL : prints_of(r, access, NULL),
		.server_name = setting_text(access, "fqdn"),
		.user = setting_text(access, "user"),
		.password_file = setting_text(access, "password-file"),
		.bearer_file = setting_text(access, "bearer-file"),
		.client_certificate = setting_text(access, "client-certificate"),
		.client_key = setting_text(access, "client-key"),
		/* 409: busy, or not all nodes were reached. 401 is never repeated. */
		.retry = words_of(r->arena, "409", "500", "502", "503", "504", NULL),
		.hosts = hosts_of(r, access),
	};
}

/* Why a question could not be answered. */
static enum known judge(const struct redis *r, struct words failed)
{
	const bool again = failed.count > 1 && equal(failed.items[1], "retry");

	if (failed.count == 0)
		return KNOWN;
	(void)fail(r->error, again ? ERROR_RETRY : ERROR_CONFIG, "%s", failed.items[0]);
	return FAILED;
}

enum known rest_first(struct redis *r, const struct question *question, const char **api,
		const struct record **told)
{
	const struct words apis = setting_words(question->access, "api");
	enum known known = FAILED;

	if (apis.count == 0)
		(void)fail(r->error, ERROR_CONFIG, "there is nobody to ask: api is empty");
	for (size_t i = 0; i < apis.count; i++) {
		const char *name =
				arena_printf(r->arena, "%s at %s", question->name, apis.items[i]);
		struct http_step get = rest_request(
				r, question->access, apis.items[i], "GET", question->path);

		*api = apis.items[i];
		*told = answer(r->seen, name);
		get.pick = question->pick;
		if (!*told) {
			plan_ask_http(r->plan, name,
					arena_printf(r->arena, "ask %s for its %s", *api,
							question->name),
					&get);
			return ASKED;
		}
		known = judge(r, record_words(*told, "failed"));
		if (known == KNOWN || r->error->kind != ERROR_RETRY)
			break;
	}
	return known;
}

enum known rest_also(struct redis *r, const char *name, const char *path, struct rows pick,
		const struct record **told)
{
	struct http_step get = rest_request(r, r->settings, r->api, "GET", path);

	*told = answer(r->seen, name);
	get.pick = pick;
	if (*told)
		return judge(r, record_words(*told, "failed"));
	plan_ask_http(r->plan, name, arena_printf(r->arena, "ask for the %s", name), &get)
			->together = 1;
	return ASKED;
}

long long took_ms(const struct record *told)
{
	return record_number(told, "took", 0);
}

enum known both(enum known one, enum known other)
{
	return one > other ? one : other;
}
