/* Running a tool: who it runs as, what it gets, and what its end means. The running itself
 * is in process.c. */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/crypto.h>
#include <pwd.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "controller/apply/deadline.h"
#include "controller/apply/job.h"
#include "controller/apply/pick-line.h"
#include "controller/apply/process.h"
#include "controller/base/program.h"

enum { LOCK_PAUSE_MS = 50, LOOKUP_SIZE = 16 * 1024, GROUPS_MAX = 256, QUOTED_MAX = 240 };

struct command {
	struct arena *arena;
	struct contents *contents;
	const struct command_step *step;
	struct record *answer; /* NULL unless it is a question */
	struct process process;
	const char *home;
	int *fds; /* of the contents that it is given */
	size_t fd_count;
};

/* Not the runner, which does what it is told. */
static const char *tool_of(const struct command *c)
{
	return c->step->tool ? c->step->tool : c->step->argv.items[0];
}

/* ---- who ---- */

static bool find_user(struct command *c, struct error *error)
{
	struct process_user *user = &c->process.user;
	char memory[LOOKUP_SIZE];
	struct passwd entry, *found = NULL;

	if (c->step->user)
		(void)getpwnam_r(c->step->user, &entry, memory, sizeof(memory), &found);
	else
		(void)getpwuid_r(geteuid(), &entry, memory, sizeof(memory), &found);
	if (!found && c->step->user)
		return fail(error, ERROR_CONFIG, "there is no user \"%s\"", c->step->user);
	c->home = found ? arena_copy(c->arena, found->pw_dir) : "/";
	if (!c->step->user || found->pw_uid == geteuid())
		return true;
	if (geteuid() != 0)
		return fail(error, ERROR_CONFIG,
				"running as user \"%s\" needs certdrop-apply to run as root",
				c->step->user);
	*user = (struct process_user){
		.other = true,
		.uid = found->pw_uid,
		.gid = found->pw_gid,
		.groups = arena_new_many(c->arena, gid_t, GROUPS_MAX),
		.group_count = GROUPS_MAX,
	};
	if (getgrouplist(c->step->user, found->pw_gid, user->groups, &user->group_count) < 0)
		return fail(error, ERROR_CONFIG, "user \"%s\" is in more than %d groups",
				c->step->user, GROUPS_MAX);
	return true;
}

/* ---- what ---- */

static bool find_program(struct command *c, struct error *error)
{
	const char *name = c->step->argv.items[0];

	/* A path is executed as it is: the user who runs it may see more than this process. */
	c->process.program = strchr(name, '/') ? name : program_find(c->arena, name);
	return c->process.program ||
			fail(error, ERROR_CONFIG, "there is no command \"%s\" in %s", name,
					PROGRAM_PATH);
}

/* A memory file that the child inherits; what it is called there. */
static const char *hand_over(
		struct command *c, const char *name, size_t length, struct error *error)
{
	const char *wanted = arena_copy_bytes(c->arena, name, length);
	struct content content;
	int fd;

	if (!contents_get(c->contents, wanted, &content, error) ||
			!memfd_of("certdrop", content.bytes, content.length, &fd, error))
		return NULL;
	c->fds[c->fd_count++] = fd;
	return arena_printf(c->arena, "/dev/fd/%d", fd);
}

static bool fill_arguments(struct command *c, struct error *error)
{
	static const char mark[] = "{fd:";
	const struct words given = c->step->argv;
	char **argv = arena_new_many(c->arena, char *, given.count + 1);

	c->fds = arena_new_many(c->arena, int, given.count + 2); /* and the lock */
	for (size_t i = 0; i < given.count; i++) {
		const char *argument = given.items[i];
		const size_t length = strlen(argument);

		if (strncmp(argument, mark, strlen(mark)) == 0 && argument[length - 1] == '}')
			argument = hand_over(c, argument + strlen(mark), length - strlen(mark) - 1,
					error);
		if (!argument)
			return false;
		argv[i] = arena_copy(c->arena, argument);
	}
	c->process.argv = argv;
	c->process.fds = c->fds;
	c->process.fd_count = c->fd_count;
	return true;
}

static bool fill_environment(struct command *c, struct error *error)
{
	const struct rows *more = &c->step->environment;
	char **environment = arena_new_many(c->arena, char *, more->count + 4);
	size_t count = 0;

	environment[count++] = arena_copy(c->arena, "PATH=" PROGRAM_PATH);
	environment[count++] = arena_copy(c->arena, "LANG=C");
	environment[count++] = arena_printf(c->arena, "HOME=%s", c->home);
	for (size_t i = 0; i < more->count; i++) {
		if (more->items[i].count != 2)
			return fail(error, ERROR_INTERNAL, "an environment entry without a value");
		environment[count++] = arena_printf(c->arena, "%s=%s", more->items[i].items[0],
				more->items[i].items[1]);
	}
	c->process.environment = environment;
	return true;
}

/* ---- whether, and when ---- */

/* "/dir/file", or "/dir?file"; NULL: the directory of the latter is not there. */
static const char *needed(struct command *c, const char *need)
{
	const char *mark = strrchr(need, '?');
	const char *directory =
			mark ? arena_copy_bytes(c->arena, need, (size_t)(mark - need)) : need;

	if (!mark)
		return need;
	if (access(directory, F_OK) < 0 && errno == ENOENT)
		return NULL;
	return arena_printf(c->arena, "%s/%s", directory, mark + 1);
}

static bool look_at(
		const struct command *c, const char *path, struct stat *facts, struct error *error)
{
	const char *name = tool_of(c);

	if (stat(path, facts) < 0)
		return fail(error, ERROR_CONFIG, "%s was not run: %s: %s", name, path,
				strerror(errno));
	if (!S_ISREG(facts->st_mode))
		return fail(error, ERROR_CONFIG, "%s was not run: %s is not a file", name, path);
	return true;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static bool has_needs(struct command *c, struct error *error)
{
	struct stat facts, since = { 0 };

	if (c->step->since && lstat(c->step->since, &since) < 0)
		return fail(error, ERROR_CONFIG, "%s was not run: %s: %s", tool_of(c),
				c->step->since, strerror(errno));
	for (size_t i = 0; i < c->step->needs.count; i++) {
		const char *path = needed(c, c->step->needs.items[i]);

		if (!path)
			continue;
		if (!look_at(c, path, &facts, error))
			return false;
		if (is_older(&facts.st_mtim, &since.st_mtim))
			return fail(error, ERROR_CONFIG, "%s was not run: %s is older than %s",
					tool_of(c), path, c->step->since);
	}
	return true;
}

/* The lock belongs to the open file, which the tool inherits: it ends with the last of both. */
static bool take_lock(struct command *c, long long deadline, struct error *error)
{
	const char *path = c->step->lock;
	int fd;

	if (!path)
		return true;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(error, ERROR_CONFIG, "lock %s: %s", path, strerror(errno));
	c->fds[c->fd_count++] = fd;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || deadline_left(deadline) <= LOCK_PAUSE_MS)
			return fail(error, ERROR_RETRY, "%s was not run: another one is under way",
					tool_of(c));
		deadline_pause(LOCK_PAUSE_MS, deadline);
	}
	c->process.fd_count = c->fd_count;
	return true;
}

/* ---- how it ended ---- */

/* The end of what it said, in one line, fit to be shown. */
static const char *quoted(struct command *c, const struct process_end *end)
{
	autodone(buffer) struct buffer text = { 0 };
	const char *start;

	buffer_append(&text, end->output, end->length);
	contents_hide(c->contents, &text);
	while (text.length > 0 && strchr("\r\n\t ", text.bytes[text.length - 1]))
		text.bytes[--text.length] = '\0';
	for (size_t i = 0; i < text.length; i++)
		if (strchr("\r\n\t", text.bytes[i]))
			text.bytes[i] = ' ';
	start = buffer_text(&text);
	if (text.length > QUOTED_MAX)
		start += text.length - QUOTED_MAX;
	while (((unsigned char)*start & 0xC0) == 0x80)
		start++;
	return *start ? arena_printf(c->arena, ": %s", start) : "";
}

static bool is_good_exit(const struct command *c, int code)
{
	if (c->step->exit.count == 0)
		return code == 0 || c->answer;
	return words_contain(c->step->exit, arena_printf(c->arena, "%d", code));
}

/* Output that is not text is searched up to its first NUL. */
static bool contains_any(const struct process_end *end, struct words texts)
{
	for (size_t i = 0; i < texts.count; i++)
		if (strstr(end->output, texts.items[i]))
			return true;
	return false;
}

/* "A" or "B" */
static const char *any_of(struct command *c, struct words texts)
{
	const char *list = "";

	for (size_t i = 0; i < texts.count; i++)
		list = arena_printf(
				c->arena, "%s%s\"%s\"", list, i == 0 ? "" : " or ", texts.items[i]);
	return list;
}

static bool judge(struct command *c, const struct process_end *end, struct error *error)
{
	const char *name = tool_of(c);

	if (end->killed)
		return fail(error, ERROR_RETRY,
				"%s did not end in time and was killed: what it did is unknown%s",
				name, quoted(c, end));
	if (WIFSIGNALED(end->status))
		return fail(error, ERROR_RETRY, "%s was ended by signal %d%s", name,
				WTERMSIG(end->status), quoted(c, end));
	if (!is_good_exit(c, WEXITSTATUS(end->status)))
		return fail(error, ERROR_RETRY, "%s ended with exit code %d%s", name,
				WEXITSTATUS(end->status), quoted(c, end));
	if (contains_any(end, c->step->refuse))
		return fail(error, ERROR_RETRY, "%s reports a failure%s", name, quoted(c, end));
	if (c->step->expect.count > 0 && !contains_any(end, c->step->expect))
		return fail(error, ERROR_RETRY, "%s does not report success, which would be %s%s",
				name, any_of(c, c->step->expect), quoted(c, end));
	return true;
}

/* ---- what it says ---- */

static bool tell(struct command *c, const struct process_end *end, struct error *error)
{
	autodone(buffer) struct buffer text = { 0 };

	if (!c->answer)
		return true;
	buffer_append(&text, end->output, strnlen(end->output, end->length));
	contents_hide(c->contents, &text);
	record_add_number(c->arena, c->answer, "exit", WEXITSTATUS(end->status));
	for (size_t i = 0; i < c->step->pick.count; i++) {
		const struct words row = c->step->pick.items[i];
		struct words values;

		if (!pick_line_values(c->arena, buffer_text(&text), row, &values, error))
			return false;
		if (values.count > 0)
			record_add(c->arena, c->answer, row.items[0], values);
	}
	return true;
}

static bool run_once(struct command *c, long long deadline, struct error *error)
{
	autodone(process_end) struct process_end end = { 0 };

	return process_run(&c->process, deadline, &end, error) && judge(c, &end, error) &&
			tell(c, &end, error);
}

/* The deadline may cut the last of several runs short: the one before it tells more. */
static bool run(struct command *c, long long deadline, struct error *error)
{
	struct error before = { 0 };

	while (!run_once(c, deadline, error)) {
		if (c->step->poll_ms == 0 || error->kind != ERROR_RETRY)
			return false;
		if (deadline_left(deadline) == 0 && before.text[0])
			*error = before;
		if (deadline_left(deadline) <= c->step->poll_ms)
			return false;
		before = *error;
		deadline_pause((int)c->step->poll_ms, deadline);
	}
	return true;
}

bool command_take(struct job *job, struct arena *arena, const struct step *step,
		struct record *answer, struct error *error)
{
	const long long deadline = deadline_of(step);
	struct command_step read;
	struct command c = {
		.arena = arena, .contents = job->contents, .step = &read, .answer = answer
	};
	bool good;

	command_step_read(arena, step, &read);
	if (read.argv.count == 0 || !*read.argv.items[0])
		return fail(error, ERROR_INTERNAL, "a command step without a command");
	c.process.directory = read.directory ? read.directory : "/";
	good = find_user(&c, error) && find_program(&c, error) && fill_arguments(&c, error) &&
			fill_environment(&c, error) && take_lock(&c, deadline, error) &&
			has_needs(&c, error) && run(&c, deadline, error);
	for (size_t i = 0; i < c.fd_count; i++)
		owned_close(&c.fds[i]);
	return good;
}
