/*
 * What nobody can do without: the bare calls that a dropped certificate needs at least, each by
 * itself.
 *
 *         bench-floor DIRECTORY PORT
 *
 * For each line of its input it takes one round, and prints the microseconds of
 * "WAKE PAIR COMMIT HANDSHAKE". The directory is to lie on the file system that is measured; PORT
 * serves TLS on the loopback.
 */

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CERTIFICATE_SIZE = 2500, KEY_SIZE = 1700 };

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* From a rename in another process to the return of read() on an inotify descriptor. */
static double wake(int watch)
{
	double *start = mmap(NULL, sizeof(*start), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char events[4096];
	double took;
	pid_t child;

	assert(start != MAP_FAILED);
	child = fork();
	if (child == 0) {
		const struct timespec until_the_reader_sleeps = { .tv_nsec = 2000000 };
		const int fd = open("outside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		assert(fd >= 0 && close(fd) == 0);
		nanosleep(&until_the_reader_sleeps, NULL);
		*start = now_us();
		_exit(rename("outside", "watched/inside"));
	}
	assert(read(watch, events, sizeof(events)) > 0);
	took = now_us() - *start;
	waitpid(child, NULL, 0);
	munmap(start, sizeof(*start));
	return took;
}

static void write_durably(int directory, const char *name, size_t length)
{
	static const char bytes[CERTIFICATE_SIZE];
	const int fd = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	assert(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
	assert(fsync(fd) == 0 && close(fd) == 0);
}

/* A generation with two files, and the link flipped to it. */
static double pair(int round)
{
	const double start = now_us();
	const int top = open(".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	char name[32];
	int generation;

	(void)snprintf(name, sizeof(name), "generation-%d", round);
	assert(top >= 0 && mkdir(name, 0700) == 0);
	generation = open(name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	assert(generation >= 0);
	write_durably(generation, "fullchain.pem", CERTIFICATE_SIZE);
	write_durably(generation, "privkey.pem", KEY_SIZE);
	assert(fsync(generation) == 0 && close(generation) == 0);
	assert(symlink(name, "link.new") == 0 && rename("link.new", "link") == 0);
	assert(fsync(top) == 0 && close(top) == 0);
	return now_us() - start;
}

static void execute(sqlite3 *database, const char *sql)
{
	assert(sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK);
}

static double commit(sqlite3 *database)
{
	const double start = now_us();

	execute(database, "INSERT INTO journal (target, text) VALUES ('web', 'begin 3')");
	return now_us() - start;
}

static double handshake(SSL_CTX *context, const struct sockaddr_in *address)
{
	const double start = now_us();
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	SSL *ssl = SSL_new(context);

	assert(fd >= 0 && ssl);
	assert(connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0);
	SSL_set_fd(ssl, fd);
	assert(SSL_connect(ssl) == 1);
	SSL_free(ssl);
	close(fd);
	return now_us() - start;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	sqlite3 *database;
	int watch;

	if (argc != 3 || chdir(argv[1]) < 0 || mkdir("watched", 0700) < 0) {
		(void)fprintf(stderr, "usage: bench-floor DIRECTORY PORT\n");
		return 2;
	}
	watch = inotify_init1(IN_CLOEXEC);
	assert(inotify_add_watch(watch, "watched", IN_MOVED_TO) >= 0);
	address.sin_port = htons((uint16_t)atoi(argv[2]));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert(sqlite3_open("journal.db", &database) == SQLITE_OK);
	execute(database,
			"PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
			"PRAGMA synchronous=FULL; CREATE TABLE journal (target, text)");

	for (int round = 0; getchar() == '\n'; round++) {
		printf("%.0f", wake(watch));
		printf(" %.0f", pair(round));
		printf(" %.0f", commit(database));
		printf(" %.0f\n", handshake(context, &address));
		(void)fflush(stdout);
	}
	sqlite3_close(database);
	SSL_CTX_free(context);
	return 0;
}
