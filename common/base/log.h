/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: lines to stderr, with the priority journald understands ("<3>") when stderr is its
 * socket, a time stamp when it is not. The one module besides main that may hold state of the
 * process. common/, decoders, tables and the rule model never call it.
 */
#ifndef COMMON_BASE_LOG_H
#define COMMON_BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* `name` is put before each line ("rules", "main"); it must live as long as the process. */
void log_init(const char *name, enum log_level most);

enum log_level log_level(void);

/* errno is the same after each of these as before. `log_errno` takes a negative or positive errno
 * and adds its text. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_errno(enum log_level level, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
