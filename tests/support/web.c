/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/web.h"

#include <arpa/inet.h>
#include <assert.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES_MAX 64
#define SERVERS 8

struct page {
	char path[128], etag[128], headers[512];
	int status;
	enum web_manner manner;
	char *body;
	size_t size;
	unsigned asked;
	char request[4096];
};

struct web {
	int fd;
	uint16_t port;
	atomic_bool stop;
	pthread_t threads[SERVERS];
	pthread_mutex_t mutex;
	struct page pages[PAGES_MAX];
	size_t count;
};

static bool
send_all(struct web *web, int fd, const char *data, size_t size)
{
	while (size > 0 && !atomic_load(&web->stop)) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
		ssize_t n;

		if (poll(&poll_fd, 1, 100) == 0)
			continue;
		n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return !atomic_load(&web->stop);
}

/* Until the other side closes, or the server ends. */
static void
linger(struct web *web, int fd)
{
	char byte;

	while (!atomic_load(&web->stop)) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

		if (poll(&poll_fd, 1, 50) == 1 && recv(fd, &byte, 1, 0) <= 0)
			return;
	}
}

static struct page *
find(struct web *web, const char *path)
{
	for (size_t i = 0; i < web->count; i++)
		if (strcmp(web->pages[i].path, path) == 0)
			return &web->pages[i];
	return NULL;
}

static void
answer(struct web *web, int fd, const struct page *page, bool unchanged)
{
	char head[2048];
	int n;

	if (unchanged || page->status == 304)
		n = snprintf(
		    head, sizeof head, "HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
	else if (page->manner == WEB_LOOP)
		n = snprintf(head, sizeof head,
		    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%u%s\r\nContent-Length: 0\r\n"
		    "Connection: close\r\n\r\n",
		    web->port, page->path);
	else if (page->manner == WEB_REPEAT)
		n = snprintf(head, sizeof head,
		    "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		    WEB_REPEAT_SIZE);
	else if (page->manner == WEB_ENDLESS)
		n = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	else
		n = snprintf(head, sizeof head,
		    "HTTP/1.1 %d Status\r\n%s%s%s%sContent-Length: %zu\r\nConnection: "
		    "%s\r\n\r\n",
		    page->status, page->headers, page->etag[0] ? "ETag: " : "", page->etag,
		    page->etag[0] ? "\r\n" : "",
		    page->manner == WEB_PLAIN  ? page->size
		    : page->manner == WEB_MORE ? page->size / 2
					       : page->size * 2 + 1,
		    page->manner == WEB_MORE ? "keep-alive" : "close");
	if (!send_all(web, fd, head, (size_t)n) || unchanged || page->manner == WEB_LOOP)
		return;
	if (page->manner == WEB_SLOW) {
		send_all(web, fd, page->body, page->size > 0);
		linger(web, fd);
		return;
	}
	if (page->manner == WEB_REPEAT) {
		for (size_t left = WEB_REPEAT_SIZE, n_now; left > 0; left -= n_now) {
			n_now = left < page->size ? left : page->size;
			if (!send_all(web, fd, page->body, n_now))
				return;
		}
		return;
	}
	if (page->manner == WEB_MORE) {
		send_all(web, fd, page->body, page->size / 2);
		usleep(2000);
		send_all(web, fd, page->body + page->size / 2, page->size - page->size / 2);
		linger(web, fd);
		return;
	}
	while (send_all(web, fd, page->body, page->size) && page->manner == WEB_ENDLESS)
		;
}

static void
serve(struct web *web, int fd)
{
	char request[4096], path[128] = "", condition[256], date[64];
	struct page page = {.status = 404, .path = "/", .headers = ""}, *found;
	bool unchanged = false;
	size_t size = 0;

	while (size < sizeof request - 1) {
		ssize_t n = recv(fd, request + size, sizeof request - 1 - size, 0);

		if (n <= 0)
			return;
		size += (size_t)n;
		request[size] = '\0';
		if (strstr(request, "\r\n\r\n"))
			break;
	}
	if (sscanf(request, "GET %127s ", path) != 1)
		return;
	pthread_mutex_lock(&web->mutex);
	found = find(web, path);
	if (found) {
		found->asked++;
		memcpy(found->request, request, sizeof request);
		page = *found;
		page.body = malloc(page.size + 1);
		assert(page.body);
		if (page.size > 0)
			memcpy(page.body, found->body, page.size);
	}
	pthread_mutex_unlock(&web->mutex);
	if (page.etag[0]) {
		snprintf(condition, sizeof condition, "If-None-Match: %s\r\n", page.etag);
		unchanged = strcasestr(request, condition) != NULL;
	}
	if (sscanf(page.headers, "Last-Modified: %63[^\r]", date) == 1) {
		snprintf(condition, sizeof condition, "If-Modified-Since: %s\r\n", date);
		unchanged = unchanged || strcasestr(request, condition) != NULL;
	}
	answer(web, fd, &page, unchanged);
	free(page.body);
}

static void *
run(void *context)
{
	struct web *web = context;

	while (!atomic_load(&web->stop)) {
		struct pollfd poll_fd = {.fd = web->fd, .events = POLLIN};
		int fd;

		if (poll(&poll_fd, 1, 50) != 1)
			continue;
		fd = accept4(web->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		serve(web, fd);
		close(fd);
	}
	return NULL;
}

struct web *
web_new(void)
{
	struct web *web = calloc(1, sizeof *web);
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof sin;
	int r;

	assert(web);
	web->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	r = bind(web->fd, (struct sockaddr *)&sin, sizeof sin);
	assert(r == 0);
	r = listen(web->fd, 64);
	assert(r == 0);
	r = getsockname(web->fd, (struct sockaddr *)&sin, &size);
	assert(r == 0);
	web->port = ntohs(sin.sin_port);
	pthread_mutex_init(&web->mutex, NULL);
	for (unsigned i = 0; i < SERVERS; i++) {
		r = pthread_create(&web->threads[i], NULL, run, web);
		assert(r == 0);
	}
	return web;
}

void
web_free(struct web **web)
{
	atomic_store(&(*web)->stop, true);
	for (unsigned i = 0; i < SERVERS; i++)
		pthread_join((*web)->threads[i], NULL);
	close((*web)->fd);
	for (size_t i = 0; i < (*web)->count; i++)
		free((*web)->pages[i].body);
	pthread_mutex_destroy(&(*web)->mutex);
	free(*web);
	*web = NULL;
}

uint16_t
web_port(const struct web *web)
{
	return web->port;
}

void
web_url(const struct web *web, const char *path, char *url, size_t size)
{
	snprintf(url, size, "http://127.0.0.1:%u%s", web->port, path);
}

void
web_put(struct web *web, const char *path, int status, enum web_manner manner, const void *body,
    size_t size, const char *etag, const char *headers)
{
	struct page *page;
	char *copy = malloc(size + 1);

	assert(copy);
	if (size > 0)
		memcpy(copy, body, size);
	pthread_mutex_lock(&web->mutex);
	page = find(web, path);
	if (!page) {
		assert(web->count < PAGES_MAX);
		page = &web->pages[web->count++];
		snprintf(page->path, sizeof page->path, "%s", path);
	}
	free(page->body);
	page->body = copy;
	page->size = size;
	page->status = status;
	page->manner = manner;
	snprintf(page->etag, sizeof page->etag, "%s", etag);
	snprintf(page->headers, sizeof page->headers, "%s", headers);
	pthread_mutex_unlock(&web->mutex);
}

unsigned
web_asked(struct web *web, const char *path, char request[4096])
{
	const struct page *page;
	unsigned asked;

	pthread_mutex_lock(&web->mutex);
	page = find(web, path);
	asked = page ? page->asked : 0;
	if (page && request)
		memcpy(request, page->request, sizeof page->request);
	pthread_mutex_unlock(&web->mutex);
	return asked;
}

/* ---- over TLS ---- */

static bool
make_certificate(const char *folder, bool expired)
{
	char command[2048];

	snprintf(command, sizeof command,
	    "cd '%s' && printf '%%s\n' '[ca]' 'default_ca = one' '[one]' 'database = ./index' "
	    "'new_certs_dir = .' 'serial = ./serial' 'default_md = sha256' 'policy = any' "
	    "'x509_extensions = ext' '[any]' 'commonName = supplied' '[ext]' "
	    "'subjectAltName = IP:127.0.0.1' 'basicConstraints = CA:TRUE' >ca.cnf && "
	    ": >index && echo 01 >serial && "
	    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key "
	    "-out ca.csr -subj /CN=localhost 2>/dev/null && "
	    "openssl ca -config ca.cnf -batch -selfsign -keyfile ca.key -in ca.csr -out ca.pem "
	    "-startdate 20190101000000Z -enddate %s -notext 2>/dev/null >/dev/null",
	    folder, expired ? "20200101000000Z" : "20490101000000Z");
	return system(command) == 0;
}

int
web_secure(const char *folder, bool expired, uint16_t *ret_port)
{
	char line[256];
	unsigned port = 0;
	FILE *said;
	int pipes[2];
	pid_t pid;

	if (system("command -v openssl >/dev/null") != 0)
		return 0;
	if (!make_certificate(folder, expired) || pipe2(pipes, O_CLOEXEC) < 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		dup2(pipes[1], STDOUT_FILENO);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (chdir(folder) == 0)
			execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
			    "ca.pem", "-key", "ca.key", "-WWW", (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	said = fdopen(pipes[0], "r");
	assert(said);
	while (port == 0 && fgets(line, sizeof line, said))
		if (strncmp(line, "ACCEPT ", 7) == 0)
			port = (unsigned)strtoul(strrchr(line, ':') + 1, NULL, 10);
	/* The pipe stays open in there: what it says later goes nowhere. */
	fclose(said);
	if (port == 0) {
		web_secure_end(pid);
		return 0;
	}
	*ret_port = (uint16_t)port;
	return pid;
}

void
web_secure_end(int pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
