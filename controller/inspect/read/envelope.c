#include "controller/inspect/read/envelope.h"

#include <openssl/crypto.h>
#include <string.h>

#include "controller/inspect/read/password.h"

enum half { HALF_CIPHER, HALF_RAND };

static const struct {
	const char *ending;
	size_t size, offset; /* in struct gauss_cipher */
} halves[] = {
	[HALF_CIPHER] = { ".cipher", GAUSS_CIPHER_SIZE, offsetof(struct gauss_cipher, cipher) },
	[HALF_RAND] = { ".rand", GAUSS_RAND_SIZE, offsetof(struct gauss_cipher, rand) },
};

/* "server.key.rand": how long is the name of its key? */
static bool split(const char *shown, size_t *key_length, enum half *half)
{
	const char *ending = strrchr(shown, '.');

	if (!ending || ending - shown < 5 || memcmp(ending - 4, ".key", 4) != 0)
		return false;
	*half = strcmp(ending, halves[HALF_CIPHER].ending) == 0 ? HALF_CIPHER : HALF_RAND;
	*key_length = (size_t)(ending - shown);
	return strcmp(ending, halves[*half].ending) == 0;
}

bool envelope_is_half(const char *shown)
{
	size_t key_length;
	enum half half;

	return split(shown, &key_length, &half);
}

const struct envelope *envelope_of(const struct findings *findings, const char *shown)
{
	for (size_t i = 0; i < findings->envelope_count; i++)
		if (strcmp(findings->envelopes[i]->key, shown) == 0)
			return findings->envelopes[i];
	return NULL;
}

const char *envelope_passphrase(const struct envelope *envelope)
{
	return envelope->passphrase.length > 0 ? (const char *)envelope->passphrase.bytes : NULL;
}

const char *envelope_lacks(const struct envelope *envelope)
{
	for (int half = HALF_CIPHER; half <= HALF_RAND; half++)
		if (!envelope->files[half])
			return halves[half].ending;
	return NULL;
}

void envelope_forget(struct envelope *envelope, unsigned long long file)
{
	for (int half = HALF_CIPHER; half <= HALF_RAND; half++)
		envelope->files[half] &= ~file;
	if (envelope_lacks(envelope))
		secret_done(&envelope->passphrase);
}

/* Whoever has both halves has the passphrase. */
void envelope_release(struct envelope *envelope)
{
	secret_done(&envelope->passphrase);
	OPENSSL_cleanse(&envelope->halves, sizeof(envelope->halves));
}

/* ---- reading ---- */

static struct envelope *find_or_add(struct findings *findings, const char *shown, size_t key_length)
{
	const char *key = arena_copy_bytes(findings->arena, shown, key_length);
	struct envelope *envelope;

	for (size_t i = 0; i < findings->envelope_count; i++)
		if (strcmp(findings->envelopes[i]->key, key) == 0)
			return findings->envelopes[i];
	if (findings->envelope_count == FINDINGS_ENVELOPES_MAX)
		return NULL;
	envelope = arena_new_of(findings->arena, struct envelope);
	envelope->key = key;
	findings->envelopes[findings->envelope_count++] = envelope;
	return envelope;
}

static enum verdict open_envelope(
		struct findings *findings, struct input *input, struct envelope *envelope)
{
	const char *slash = strrchr(envelope->key, '/');
	const char *name = slash ? slash + 1 : envelope->key;
	struct error error;

	if (password_declare(findings, input, GAUSS_CIPHER_ROUNDS) != VERDICT_SOUND)
		return VERDICT_REFUSED;
	if (password_pay(findings, GAUSS_CIPHER_ROUNDS) &&
			gauss_cipher_decode(&envelope->halves, &envelope->passphrase, &error))
		return VERDICT_SOUND;
	return conclude(findings, input, VERDICT_REFUSED,
			"%s.cipher and %s.rand do not belong together", name, name);
}

static bool check(enum half half, struct bytes bytes, struct error *error)
{
	return half == HALF_CIPHER ? gauss_cipher_check(bytes.start, bytes.length, error)
				   : gauss_rand_check(bytes.start, bytes.length, error);
}

enum verdict envelope_read(struct findings *findings, struct input *input, struct bytes bytes)
{
	struct envelope *envelope;
	struct error error;
	size_t key_length;
	enum half half;

	if (!split(input->shown, &key_length, &half))
		return VERDICT_IGNORED;
	if (!check(half, bytes, &error))
		return conclude(findings, input,
				bytes.length < halves[half].size ? VERDICT_INCOMPLETE
								 : VERDICT_REFUSED,
				"%s", error.text);
	envelope = find_or_add(findings, input->shown, key_length);
	if (!envelope)
		return conclude(findings, input, VERDICT_REFUSED,
				"brings the passphrase files above %d keys",
				FINDINGS_ENVELOPES_MAX);
	envelope->files[half] = 1ULL << input->index;
	memcpy((unsigned char *)&envelope->halves + halves[half].offset, bytes.start, bytes.length);
	return envelope_lacks(envelope) ? VERDICT_SOUND : open_envelope(findings, input, envelope);
}
