#define _GNU_SOURCE
#include "controller/certdrop/intake/look.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "controller/certdrop/intake/filename.h"

enum { READ_SIZE = 32 * 1024 };

/* Kernels stamp files with the time of the last tick, at most 10 ms ago; some file systems
 * keep whole seconds only, or two. */
static const long long tick_ns = 50 * 1000000LL, coarse_ns = 3 * 1000000000LL;

/* ---- SipHash-2-4 (Aumasson, Bernstein: SipHash, a fast short-input PRF, 2012) ---- */

static uint64_t rotate(uint64_t word, unsigned by)
{
	return word << by | word >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void sip_add(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

static const uint64_t *hash_key(void)
{
	static uint64_t key[2];

	while (key[0] == 0 && getrandom(key, sizeof(key), 0) != sizeof(key))
		;
	return key;
}

static void hash_start(uint64_t v[4])
{
	const uint64_t *key = hash_key();

	v[0] = key[0] ^ 0x736f6d6570736575ULL;
	v[1] = key[1] ^ 0x646f72616e646f6dULL;
	v[2] = key[0] ^ 0x6c7967656e657261ULL;
	v[3] = key[1] ^ 0x7465646279746573ULL;
}

static uint64_t hash_end(uint64_t v[4])
{
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* Zero-padded to whole words, and the length after it. */
static void hash_text(uint64_t v[4], const char *text)
{
	const size_t length = strlen(text);

	for (size_t at = 0; at < length; at += 8) {
		uint64_t word = 0;

		memcpy(&word, text + at, length - at < 8 ? length - at : 8);
		sip_add(v, word);
	}
	sip_add(v, length);
}

/* ---- */

static long long in_ns(struct timespec time)
{
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

struct identity identity_of(const struct stat *status)
{
	const struct identity identity = {
		.device = status->st_dev,
		.inode = status->st_ino,
		.size = status->st_size,
		.modified_ns = in_ns(status->st_mtim),
		.changed_ns = in_ns(status->st_ctim),
	};

	return identity;
}

bool identity_equal(const struct identity *one, const struct identity *other)
{
	return one->device == other->device && one->inode == other->inode &&
			one->size == other->size && one->modified_ns == other->modified_ns &&
			one->changed_ns == other->changed_ns;
}

long long arrival_of(const struct stat *status)
{
	const long long modified = in_ns(status->st_mtim), changed = in_ns(status->st_ctim);

	return modified > changed ? modified : changed;
}

static void hash_status(uint64_t v[4], const struct stat *status)
{
	sip_add(v, status->st_dev);
	sip_add(v, (uint64_t)status->st_mode << 32 | (uint32_t)status->st_uid);
	sip_add(v, status->st_nlink);
	sip_add(v, (uint64_t)status->st_size);
	sip_add(v, (uint64_t)in_ns(status->st_mtim));
	sip_add(v, (uint64_t)in_ns(status->st_ctim));
}

void mark_add_text(struct mark *mark, const char *text)
{
	uint64_t v[4];

	hash_start(v);
	hash_text(v, text);
	mark->names += hash_end(v);
	mark->all += hash_end(v);
}

static bool recent(const struct stat *status, long long now)
{
	const long long age = now - in_ns(status->st_ctim);
	const long long limit = status->st_ctim.tv_nsec == 0 ? coarse_ns : tick_ns;

	/* A time far ahead belongs to a clock that was put back since: what happens now gets
	 * another one. */
	return age < limit && age > -limit;
}

static void look_at(struct look *look, const char *name, long long now)
{
	struct sighting sighting = { .name = name };
	struct stat *status = &sighting.status;
	uint64_t v[4], copy[4];

	if (fstatat(look->directory, name, status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		/* Gone between the two calls: there is an event for that. */
		if (errno == ENOENT)
			return;
		*status = (struct stat){ 0 };
	}
	if (S_ISDIR(status->st_mode))
		return;
	hash_start(v);
	hash_text(v, name);
	sip_add(v, status->st_ino);
	memcpy(copy, v, sizeof(copy));
	look->mark.names += hash_end(copy);
	hash_status(v, status);
	sighting.link = S_ISLNK(status->st_mode);
	if (sighting.link && look->links) {
		sighting.dangling = fstatat(look->directory, name, status, AT_NO_AUTOMOUNT) < 0 &&
				errno == ENOENT;
		if (S_ISDIR(status->st_mode))
			return;
		sip_add(v, sighting.dangling ? 0 : status->st_ino);
		hash_status(v, status);
	}
	look->mark.all += hash_end(v);
	look->unsettled |= recent(status, now);
	if (look->see)
		look->see(look->context, &sighting);
}

static long long now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return in_ns(now);
}

/* The entries of one read. False: there are more than the limit. */
static bool look_over(
		struct look *look, const char *at, const char *end, size_t *seen, long long now)
{
	while (at < end) {
		const struct dirent64 *entry = (const void *)at;

		at += entry->d_reclen;
		if ((*seen)++ == look->limit)
			return false;
		if (entry->d_type != DT_DIR && !filename_ignored(entry->d_name))
			look_at(look, entry->d_name, now);
	}
	return true;
}

bool look(struct look *look, struct error *error)
{
	_Alignas(struct dirent64) char buffer[READ_SIZE];
	const long long now = now_ns();
	size_t seen = 0;

	look->mark = (struct mark){ 0 };
	look->cut_short = look->unsettled = false;
	if (lseek(look->directory, 0, SEEK_SET) < 0)
		return fail(error, ERROR_RETRY, "rewind: %s", strerror(errno));
	while (!look->cut_short) {
		const ssize_t length = getdents64(look->directory, buffer, sizeof(buffer));

		if (length < 0)
			return fail(error, ERROR_RETRY, "read: %s", strerror(errno));
		if (length == 0)
			return true;
		look->cut_short = !look_over(look, buffer, buffer + length, &seen, now);
	}
	return true;
}
