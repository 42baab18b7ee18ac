/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clk.h"
#include "common/base/text.h"

static struct {
	const char *name;
	enum log_level most;
	bool journal;
} state = {"finderscope", LOG_LEVEL_INFO, false};

void
log_init(const char *name, enum log_level most)
{
	state.name = name;
	state.most = most;
	/* systemd sets it to device:inode of the stream it handed over (systemd.exec(5)). */
	state.journal = getenv("JOURNAL_STREAM") != NULL;
}

enum log_level
log_level(void)
{
	return state.most;
}

static void __attribute__((format(printf, 3, 0)))
put(enum log_level level, int error, const char *format, va_list args)
{
	int saved = errno;
	char line[1024], text[CLK_TEXT_MAX];
	size_t n;

	if (level > state.most)
		return;
	if (state.journal)
		n = (size_t)snprintf(line, sizeof line, "<%d>%s: ", (int)level, state.name);
	else
		n = (size_t)snprintf(
		    line, sizeof line, "%s %s: ", clk_format_wall(clk_wall_ns(), text), state.name);
	vsnprintf(line + n, sizeof line - n - 1, format, args);
	n = strlen(line);
	if (error)
		snprintf(
		    line + n, sizeof line - n - 1, ": %s", strerror(error < 0 ? -error : error));
	/* What a peer sent may stand in a message: it must not forge another line. */
	text_one_line(line);
	n = strlen(line);
	line[n] = '\n';
	if (write(STDERR_FILENO, line, n + 1) < 0) {
		/* nowhere left to say it */
	}
	errno = saved;
}

#define LEVEL_FUNCTION(fn, level)                                                                  \
	void fn(const char *format, ...)                                                           \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, format);                                                            \
		put(level, 0, format, args);                                                       \
		va_end(args);                                                                      \
	}

LEVEL_FUNCTION(log_error, LOG_LEVEL_ERROR)
LEVEL_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LEVEL_FUNCTION(log_notice, LOG_LEVEL_NOTICE)
LEVEL_FUNCTION(log_info, LOG_LEVEL_INFO)
LEVEL_FUNCTION(log_debug, LOG_LEVEL_DEBUG)

void
log_errno(enum log_level level, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	put(level, error, format, args);
	va_end(args);
}
