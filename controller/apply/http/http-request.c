#define _GNU_SOURCE
#include "controller/apply/http/http-request.h"

#include <openssl/ssl.h>
#include <string.h>
#include <strings.h>

#include "controller/apply/deadline.h"
#include "controller/apply/tls/trust.h"

enum { REDIRECTS_MAX = 3 };

/* One leg of the way: the URL of the step, or where a redirect led. */
struct leg {
	const struct http_request *request;
	const char *url, *scheme, *host, *port;
	CURL *curl;
	struct curl_slist *headers, *connect_to;
	struct trust trust;
	struct secret reply;
	const char *header;
	bool sent, too_large;
	char why[CURL_ERROR_SIZE];
};

void http_reply_done(struct http_reply *reply)
{
	secret_done(&reply->body);
	*reply = (struct http_reply){ 0 };
}

bool http_identify(struct http_request *request, struct contents *contents, struct error *error)
{
	const struct http_step *step = request->step;

	request->confidential = request->confidential || step->password_file || step->bearer_file;
	if (step->password_file &&
			!contents_password(
					contents, step->password_file, &request->password, error))
		return false;
	return !step->bearer_file ||
			contents_password(contents, step->bearer_file, &request->bearer, error);
}

static void leg_done(struct leg *leg)
{
	curl_slist_free_all(leg->headers);
	curl_slist_free_all(leg->connect_to);
	secret_done(&leg->reply);
}

/* ---- where to ---- */

static const char *url_part(struct arena *arena, CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	const char *copy;

	if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
		return NULL;
	copy = arena_copy(arena, text);
	curl_free(text);
	return copy;
}

static bool read_url(struct leg *leg, struct error *error)
{
	struct arena *arena = leg->request->arena;
	CURLU *url = curl_url();
	bool good = url && leg->url && curl_url_set(url, CURLUPART_URL, leg->url, 0) == CURLUE_OK;

	if (good) {
		leg->scheme = url_part(arena, url, CURLUPART_SCHEME, 0);
		leg->host = url_part(arena, url, CURLUPART_HOST, 0);
		leg->port = url_part(arena, url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
		good = leg->scheme && leg->host && leg->port &&
				(strcmp(leg->scheme, "https") == 0 ||
						strcmp(leg->scheme, "http") == 0);
	}
	curl_url_cleanup(url);
	return good ||
			fail(error, ERROR_CONFIG, "\"%s\" is not an http or https address",
					leg->url ? leg->url : "");
}

/* Asked for by its name, reached at the URL's address. */
static const char *named_url(struct leg *leg)
{
	const char *name = leg->request->step->server_name;
	CURLU *url = curl_url();
	const char *named = NULL;

	if (url && curl_url_set(url, CURLUPART_URL, leg->url, 0) == CURLUE_OK &&
			curl_url_set(url, CURLUPART_HOST, name, 0) == CURLUE_OK)
		named = url_part(leg->request->arena, url, CURLUPART_URL, 0);
	curl_url_cleanup(url);
	return named ? named : leg->url;
}

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
			strcmp(host, "[::1]") == 0;
}

static bool is_protected(const struct leg *leg, struct error *error)
{
	if (!leg->request->confidential || strcmp(leg->scheme, "https") == 0 ||
			is_loopback(leg->host))
		return true;
	return fail(error, ERROR_CONFIG, "%s: nothing secret is sent over plain http", leg->host);
}

/* ---- what is trusted ---- */

static CURLcode set_check(CURL *curl, void *context, void *trust)
{
	(void)curl;
	SSL_CTX_set_cert_verify_callback(context, trust_check, trust);
	return CURLE_OK;
}

/* A session that is taken up again would skip the check of the pin. */
static void set_trust(struct leg *leg)
{
	const struct http_step *step = leg->request->step;
	CURL *curl = leg->curl;

	(void)curl_easy_setopt(curl, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, step->pin || step->also ? 0L : 2L);
	if (step->pin || step->also) {
		leg->trust = (struct trust){ step->pin, step->also,
			step->server_name ? step->server_name : leg->host };
		(void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, set_check);
		(void)curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, &leg->trust);
	}
	if (!step->pin && step->ca_file) {
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, step->ca_file);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (step->client_certificate)
		(void)curl_easy_setopt(curl, CURLOPT_SSLCERT, step->client_certificate);
	if (step->client_key)
		(void)curl_easy_setopt(curl, CURLOPT_SSLKEY, step->client_key);
}

/* ---- what is sent ---- */

static void set_identity(struct leg *leg)
{
	const struct http_request *r = leg->request;

	if (r->password.bytes) {
		(void)curl_easy_setopt(leg->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		(void)curl_easy_setopt(
				leg->curl, CURLOPT_USERNAME, r->step->user ? r->step->user : "");
		(void)curl_easy_setopt(leg->curl, CURLOPT_PASSWORD, r->password.bytes);
	} else if (r->bearer.bytes) {
		(void)curl_easy_setopt(leg->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		(void)curl_easy_setopt(leg->curl, CURLOPT_XOAUTH2_BEARER, r->bearer.bytes);
	}
}

static void add_header(struct leg *leg, const char *header)
{
	struct curl_slist *longer = curl_slist_append(leg->headers, header);

	if (longer)
		leg->headers = longer;
}

static void set_headers(struct leg *leg)
{
	const struct http_request *r = leg->request;
	bool typed = false;

	for (size_t i = 0; i < r->step->headers.count; i++) {
		const struct words header = r->step->headers.items[i];

		if (header.count != 2)
			continue;
		typed = typed || strcasecmp(header.items[0], "Content-Type") == 0;
		add_header(leg, arena_printf(r->arena, "%s: %s", header.items[0], header.items[1]));
	}
	if (r->body.length > 0 && !typed)
		add_header(leg, "Content-Type: application/json");
	/* Waiting for "100 Continue" costs a second where a server does not know it. */
	add_header(leg, "Expect:");
	(void)curl_easy_setopt(leg->curl, CURLOPT_HTTPHEADER, leg->headers);
}

static size_t take_reply(const char *bytes, size_t size, size_t count, void *argument)
{
	struct leg *leg = argument;
	const size_t length = size * count;

	if (leg->reply.length + length > REPLY_MAX) {
		leg->too_large = true;
		return 0;
	}
	secret_append(&leg->reply, bytes, length);
	return length;
}

static void set_request(struct leg *leg)
{
	const struct http_request *r = leg->request;
	const char *method = r->step->method ? r->step->method : "GET";
	CURL *curl = leg->curl;

	(void)curl_easy_setopt(curl, CURLOPT_URL, leg->url);
	if (r->step->server_name) {
		leg->connect_to = curl_slist_append(NULL,
				arena_printf(r->arena, "%s:%s:%s:%s", r->step->server_name,
						leg->port, leg->host, leg->port));
		(void)curl_easy_setopt(curl, CURLOPT_URL, named_url(leg));
		(void)curl_easy_setopt(curl, CURLOPT_CONNECT_TO, leg->connect_to);
	}
	if (r->body.length > 0) {
		(void)curl_easy_setopt(
				curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.length);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body.bytes);
	} else if (strcmp(method, "HEAD") == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	}
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/* When a connection that was kept turns out to be gone, the library sends the request again on a new one. It
 * may have arrived, though: what does not bear repetition (RFC 9110, section 9.2.2) goes out
 * once. */
static int before_sending(
		void *argument, char *their_ip, char *our_ip, int their_port, int our_port)
{
	struct leg *leg = argument;
	const char *method = leg->request->step->method;
	const bool again = leg->sent && method && strcmp(method, "POST") == 0;

	(void)their_ip;
	(void)our_ip;
	(void)their_port;
	(void)our_port;
	leg->sent = true;
	return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* Nothing comes from the environment, nothing is followed or kept by the library. */
static void set_manners(struct leg *leg)
{
	CURL *curl = leg->curl;

	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_PROXY, "");
	(void)curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "certdrop");
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, leg->why);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, leg);
	(void)curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, before_sending);
	(void)curl_easy_setopt(curl, CURLOPT_PREREQDATA, leg);
}

/* ---- one leg ---- */

static bool explain(const struct leg *leg, CURLcode code, struct error *error)
{
	const char *why = *leg->why ? leg->why : curl_easy_strerror(code);

	if (leg->too_large)
		return fail(error, ERROR_RETRY, "%s: a reply of more than %d bytes", leg->host,
				REPLY_MAX);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return fail(error, ERROR_RETRY, "%s: the connection ended before a reply came",
				leg->host);
	if (code == CURLE_PEER_FAILED_VERIFICATION && leg->request->step->pin)
		return fail(error, ERROR_RETRY,
				"%s: its certificate is not the one with the fingerprint %.16s",
				leg->host, leg->request->step->pin);
	if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
			code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
		return fail(error, ERROR_CONFIG, "%s: %s", leg->host, why);
	return fail(error, ERROR_RETRY, "%s: %s", leg->host, why);
}

/* All that decides whether a connection may serve another request. */
static const char *connection_key(const struct leg *leg)
{
	const struct http_step *s = leg->request->step;
#define OR_NONE(text) ((text) ? (text) : "-")

	return arena_printf(leg->request->arena,
			"%s %s:%s name=%s pin=%s also=%s ca=%s client=%s key=%s", leg->scheme,
			leg->host, leg->port, OR_NONE(s->server_name), OR_NONE(s->pin),
			OR_NONE(s->also), OR_NONE(s->ca_file), OR_NONE(s->client_certificate),
			OR_NONE(s->client_key));
#undef OR_NONE
}

static const char *reply_header(const struct leg *leg)
{
	const struct http_request *r = leg->request;
	struct curl_header *header;

	if (!r->wants_header ||
			curl_easy_header(leg->curl, r->wants_header, 0, CURLH_HEADER, -1,
					&header) != CURLHE_OK)
		return NULL;
	return arena_copy(r->arena, header->value);
}

static bool travel(struct leg *leg, long *status, const char **next, struct error *error)
{
	const struct http_request *r = leg->request;
	const int left = deadline_left(r->deadline);
	const char *key = connection_key(leg);
	char *location = NULL;
	CURLcode code;

	if (left == 0)
		return fail(error, ERROR_RETRY, "%s: no reply in time", leg->host);
	leg->curl = web_borrow(r->web, key);
	set_manners(leg);
	set_trust(leg);
	set_identity(leg);
	set_headers(leg);
	set_request(leg);
	(void)curl_easy_setopt(leg->curl, CURLOPT_TIMEOUT_MS, (long)left);
	code = curl_easy_perform(leg->curl);
	(void)curl_easy_getinfo(leg->curl, CURLINFO_RESPONSE_CODE, status);
	(void)curl_easy_getinfo(leg->curl, CURLINFO_REDIRECT_URL, &location);
	*next = arena_copy(r->arena, location);
	leg->header = reply_header(leg);
	web_give_back(r->web, key, leg->curl);
	return code == CURLE_OK || explain(leg, code, error);
}

/* ---- the whole way ---- */

static bool is_redirect(const struct http_request *r, long status, const char *next)
{
	const bool reads = !r->step->method || strcmp(r->step->method, "GET") == 0;

	if (!next || words_contain(r->step->success, arena_printf(r->arena, "%ld", status)))
		return false;
	return status == 307 || status == 308 ||
			(reads && (status == 301 || status == 302 || status == 303));
}

/* The plan names a cluster's nodes; anybody else has no business with its passwords. */
static bool may_follow(const struct leg *from, const char *next, struct error *error)
{
	const struct http_request *r = from->request;
	struct leg to = { .request = r, .url = next };

	if (!read_url(&to, error))
		return fail_while(error, "redirect");
	if (strcmp(from->scheme, "https") == 0 && strcmp(to.scheme, "https") != 0)
		return fail(error, ERROR_CONFIG, "%s redirects to plain http", from->host);
	if (strcasecmp(from->host, to.host) == 0 || words_contain(r->step->hosts, to.host) ||
			words_contain(r->step->hosts,
					arena_printf(r->arena, "%s:%s", to.host, to.port)))
		return true;
	if (r->step->server_name && strcasecmp(r->step->server_name, to.host) == 0)
		return true;
	/* Who leads a cluster changes: another node may answer, and this one may lead again. */
	return fail(error, ERROR_RETRY, "%s redirects to %s, which is not one of the known hosts",
			from->host, to.host);
}

bool http_send(const struct http_request *request, struct http_reply *reply, struct error *error)
{
	const char *url = request->step->url;

	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		autodone(leg) struct leg leg = { .request = request, .url = url };
		const char *next = NULL;
		long status = 0;

		if (!read_url(&leg, error) || !is_protected(&leg, error) ||
				!travel(&leg, &status, &next, error))
			return false;
		if (!is_redirect(request, status, next)) {
			*reply = (struct http_reply){
				.status = status, .body = leg.reply, .header = leg.header
			};
			leg.reply = (struct secret){ 0 };
			return true;
		}
		if (!may_follow(&leg, next, error))
			return false;
		url = next;
	}
	return fail(error, ERROR_RETRY, "%s: more than %d redirects", url, REDIRECTS_MAX);
}
