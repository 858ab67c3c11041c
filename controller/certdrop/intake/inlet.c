#define _GNU_SOURCE
#include "controller/certdrop/intake/inlet.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "controller/base/file.h"
#include "controller/certdrop/intake/beneath.h"
#include "controller/certdrop/intake/filename.h"
#include "controller/certdrop/intake/route.h"

enum { PARENT_MODE = 0755 };

static char *copy_text(const char *text)
{
	char *copy = strdup(text);

	assert(copy);
	return copy;
}

/* ---- policy ---- */

static size_t size_or(size_t size, size_t fallback)
{
	return size ? size : fallback;
}

static struct inlet_policy policy_copy(const struct inlet_policy *given)
{
	struct inlet_policy policy = given ? *given : (struct inlet_policy){ 0 };

	policy.files = size_or(policy.files, 64);
	policy.file_bytes = size_or(policy.file_bytes, 1 << 20);
	policy.bytes = size_or(policy.bytes, 16 << 20);
	policy.entries = size_or(policy.entries, 20000);
	policy.mode = policy.mode ? policy.mode : 0700;
	policy.grace_ms = policy.grace_ms ? policy.grace_ms : 1000;
	policy.root = policy.root ? copy_text(policy.root) : NULL;
	policy.root_setting = copy_text(policy.root_setting ? policy.root_setting : "root");
	if (policy.owner_count > 0) {
		const size_t size = policy.owner_count * sizeof(*policy.owners);
		uid_t *owners = malloc(size);

		assert(owners);
		memcpy(owners, policy.owners, size);
		policy.owners = owners;
	}
	return policy;
}

static void policy_done(struct inlet_policy *policy)
{
	if (policy->owner_count > 0)
		free((void *)(size_t)policy->owners);
	free((void *)(size_t)policy->root);
	free((void *)(size_t)policy->root_setting);
}

/* ---- life ---- */

static void inlet_close(struct inlet *inlet)
{
	watches_leave(intake_watches(inlet->intake), &inlet->listeners);
	watches_leave(intake_watches(inlet->intake), &inlet->targets);
	owned_close(&inlet->held);
	owned_close(&inlet->root);
	inlet->held = inlet->root = -1;
	free(inlet->prefix);
	inlet->prefix = NULL;
	inlet->scanned = inlet->remote = false;
}

struct inlet *inlet_new(struct intake *intake, const char *path, bool drop,
		const struct inlet_policy *policy, void *context)
{
	struct inlet *inlet = calloc(1, sizeof(*inlet));
	struct error error;

	assert(inlet && path[0] == '/');
	inlet->intake = intake;
	inlet->drop = drop;
	inlet->path = copy_text(path);
	inlet->context = context;
	inlet->policy = policy_copy(policy);
	inlet->held = inlet->root = -1;
	if (drop && !directory_make_above(path, PARENT_MODE, &error))
		inlet_set_trouble(inlet, error.text);
	return inlet;
}

void inlet_free(struct inlet *inlet)
{
	inlet_close(inlet);
	watches_leave(intake_watches(inlet->intake), &inlet->former);
	policy_done(&inlet->policy);
	free(inlet->path);
	free(inlet->trouble);
	free(inlet->watch_trouble);
	free(inlet);
}

void inlet_set_trouble(struct inlet *inlet, const char *text)
{
	free(inlet->trouble);
	inlet->trouble = text ? copy_text(text) : NULL;
}

/* ---- watching ---- */

static void set_watch_trouble(struct inlet *inlet, const struct error *error)
{
	char text[ERROR_TEXT_SIZE + 64];

	(void)snprintf(text, sizeof(text), "%s; polled every %ld ms", error->text,
			intake_poll_ms(inlet->intake));
	free(inlet->watch_trouble);
	inlet->watch_trouble = copy_text(text);
	inlet->watched = false;
}

static void listen_to(struct inlet *inlet, int directory, const char *name)
{
	struct error error;

	if (!watches_listen(intake_watches(inlet->intake), directory, name, &inlet->listeners,
			    inlet, &error))
		set_watch_trouble(inlet, &error);
}

static void listen_to_name(void *context, int directory, const char *name)
{
	listen_to(context, directory, name);
}

/* The links on the path, and the last name: a directory that is removed while we hold it
 * says nothing itself. */
static void listen_to_route(struct inlet *inlet)
{
	watches_leave(intake_watches(inlet->intake), &inlet->listeners);
	free(inlet->watch_trouble);
	inlet->watch_trouble = NULL;
	inlet->watched = true;
	inlet->rewalk = false;
	(void)route_walk(inlet->path, listen_to_name, inlet);
}

void inlet_watch_again(struct inlet *inlet)
{
	struct error error;

	if (inlet->watched || !watches_open(intake_watches(inlet->intake), &error))
		return;
	listen_to_route(inlet);
	if (inlet->held >= 0)
		listen_to(inlet, inlet->held, NULL);
	inlet->scanned = false;
}

int inlet_root(const struct inlet *inlet)
{
	return inlet->root >= 0 ? inlet->root : inlet->held;
}

static void watch_target(struct inlet *inlet, const char *path)
{
	const struct beneath beneath = { .root = inlet_root(inlet), .links = true };
	autoclose int directory = beneath_open(&beneath, path, O_PATH | O_DIRECTORY);
	struct error error;

	if (directory >= 0 &&
			!watches_listen(intake_watches(inlet->intake), directory, NULL,
					&inlet->targets, inlet, &error))
		set_watch_trouble(inlet, &error);
}

void inlet_watch_targets(struct inlet *inlet, const char *const *paths, size_t count)
{
	struct listener *before = inlet->targets;

	/* The new ones first: what both have stays watched without a gap. */
	inlet->targets = NULL;
	for (size_t i = 0; i < count; i++)
		watch_target(inlet, paths[i]);
	watches_leave(intake_watches(inlet->intake), &before);
}

bool inlet_hear(struct inlet *inlet, uint32_t mask, const char *name, bool named)
{
	if (mask & (IN_IGNORED | IN_UNMOUNT | IN_MOVE_SELF | IN_DELETE_SELF)) {
		inlet->suspect = UNHEARD_NOTHING;
		inlet->rewalk = true;
		return true;
	}
	/* A watch for one name also tells of the directory itself, which is no news. */
	if (named && name[0] == '\0')
		return false;
	if (named) {
		inlet->suspect = UNHEARD_NOTHING;
		inlet->rewalk = true;
		return true;
	}
	/* This may come from the new directory, of which nobody doubts. */
	if (inlet->suspect == UNHEARD_CHANGE)
		inlet->suspect = UNHEARD_NOTHING;
	if (!inlet->drop && strcmp(name, "..data") == 0)
		return true;
	return name[0] == '\0' || !filename_ignored(name);
}

void inlet_suspect(struct inlet *inlet, enum unheard what)
{
	if (inlet->watched && !inlet->remote && !inlet->distrust)
		inlet->suspect = what;
}

bool inlet_confirm(struct inlet *inlet)
{
	const bool confirmed = inlet->suspect != UNHEARD_NOTHING;

	watches_leave(intake_watches(inlet->intake), &inlet->former);
	if (confirmed)
		inlet->distrust = inlet->suspect;
	inlet->suspect = UNHEARD_NOTHING;
	return confirmed;
}

/* Where other machines, the server's own programs or lower layers write, no event tells.
 * Numbers from linux/magic.h, and from the file systems' sources where they are not in it. */
static bool tells_too_little(int directory)
{
	struct statfs status;

	if (fstatfs(directory, &status) < 0)
		return true;
	switch ((unsigned long)status.f_type & 0xffffffffUL) {
	case 0x6969: /* NFS */
	case 0x65735546: /* FUSE, virtiofs */
	case 0x01021997: /* 9p */
	case 0xff534d42: /* CIFS */
	case 0xfe534d42: /* SMB 2 */
	case 0x517b: /* SMB */
	case 0x794c7630: /* overlay */
	case 0x00c36400: /* Ceph */
	case 0x5346414f: /* AFS */
	case 0x6b414653: /* AFS in the kernel */
	case 0x01161970: /* GFS2 */
	case 0x7461636f: /* OCFS2 */
	case 0x0bd00bd0: /* Lustre */
		return true;
	default:
		return false;
	}
}

bool inlet_wants_polling(const struct inlet *inlet)
{
	return inlet->held < 0 || !inlet->watched || inlet->remote || inlet->distrust ||
			inlet->suspect;
}

/* ---- opening ---- */

static bool open_error(const struct inlet *inlet, struct error *error)
{
	if ((errno == ELOOP || errno == ENOTDIR) && inlet->drop)
		return fail(error, ERROR_CONFIG,
				"%s is no directory of its own (a symbolic link, or a file)",
				inlet->path);
	if (errno == ENOENT)
		return fail(error, ERROR_RETRY, "%s does not exist", inlet->path);
	return fail(error, ERROR_RETRY, "%s cannot be opened: %s", inlet->path, strerror(errno));
}

static int open_directory(struct inlet *inlet)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK |
			(inlet->drop ? O_NOFOLLOW : 0);
	int fd = open(inlet->path, flags);

	if (fd >= 0 || errno != ENOENT || !inlet->drop)
		return fd;
	if (mkdir(inlet->path, 0700) < 0)
		return -1;
	fd = open(inlet->path, flags);
	if (fd >= 0)
		(void)fchmod(fd, inlet->policy.mode);
	return fd;
}

/* Where an open directory lies, without links. */
static bool place_of(int fd, char place[PATH_MAX], struct error *error)
{
	char path[32];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, place, PATH_MAX - 1);
	if (length <= 0)
		return fail(error, ERROR_RETRY, "find a directory's place in /proc: %s",
				strerror(errno));
	place[length] = '\0';
	return true;
}

/* A source with a root: where its directory lies beneath it. */
static bool open_root(struct inlet *inlet, int held, int *root, char **prefix, struct error *error)
{
	autoclose int fd = open(inlet->policy.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char above[PATH_MAX], below[PATH_MAX];
	size_t length;

	if (fd < 0)
		return fail(error, ERROR_RETRY, "%s cannot be opened: %s", inlet->policy.root,
				strerror(errno));
	if (!place_of(fd, above, error) || !place_of(held, below, error))
		return false;
	length = strcmp(above, "/") == 0 ? 0 : strlen(above);
	if (strncmp(above, below, length) != 0 || (below[length] && below[length] != '/'))
		return fail(error, ERROR_CONFIG,
				"%s leads out of %s; set `%s` to a directory above both",
				inlet->path, inlet->policy.root, inlet->policy.root_setting);
	*prefix = copy_text(below + length + strspn(below + length, "/"));
	*root = hand_over_fd(&fd);
	return true;
}

static bool inlet_open(struct inlet *inlet, struct error *error)
{
	autoclose int held = -1, root = -1;
	autofree char *prefix = NULL;

	inlet_close(inlet);
	/* Watch first, then look: what happens in between is told. */
	listen_to_route(inlet);
	held = open_directory(inlet);
	if (held < 0)
		return open_error(inlet, error);
	if (inlet->policy.root && !inlet->drop && !open_root(inlet, held, &root, &prefix, error))
		return false;
	listen_to(inlet, held, NULL);
	inlet->remote = tells_too_little(held);
	inlet->prefix = prefix ? prefix : copy_text("");
	prefix = NULL;
	inlet->held = hand_over_fd(&held);
	inlet->root = hand_over_fd(&root);
	if (inlet->drop)
		inlet_bring_back(inlet);
	return true;
}

static bool still_there(const struct inlet *inlet)
{
	struct stat now, held;
	const int flags = inlet->drop ? AT_SYMLINK_NOFOLLOW : 0;

	return fstatat(AT_FDCWD, inlet->path, &now, flags) == 0 && fstat(inlet->held, &held) == 0 &&
			now.st_dev == held.st_dev && now.st_ino == held.st_ino;
}

static void keep_listening(struct inlet *inlet)
{
	watches_leave(intake_watches(inlet->intake), &inlet->former);
	inlet->former = inlet->listeners;
	inlet->listeners = NULL;
}

bool inlet_refresh(struct inlet *inlet, bool *opened, struct error *error)
{
	const bool told = inlet->held < 0 || inlet->rewalk;

	*opened = false;
	if (!told && still_there(inlet))
		return true;
	if (!told) {
		inlet_suspect(inlet, UNHEARD_MOVE);
		keep_listening(inlet);
	}
	*opened = true;
	if (inlet_open(inlet, error))
		return true;
	inlet_set_trouble(inlet, error->text);
	return false;
}
