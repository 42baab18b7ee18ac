/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files, over libconfuse: typed tables in, a parsed tree or one clear error out. A
 * program describes its file with conf_option tables, reads with conf_load, takes values with the
 * conf_get_* functions, checks what spans settings with conf_error_at. Guards against what
 * libconfuse lets through: ${} expansion, octal numbers, a setting or section given twice. Values
 * whose type has a unit are strings in the file and checked when it is read.
 *
 *     listen   = "0.0.0.0"
 *     lease    = 60s
 *     feed "spamhaus" {
 *             url = "https://…"
 *     }
 */
#ifndef COMMON_BASE_CONF_H
#define COMMON_BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"

enum conf_type {
	CONF_END,      /* closes a table */
	CONF_STRING,   /* any text, at most 1,024 bytes */
	CONF_BOOL,     /* yes no true false on off */
	CONF_NUMBER,   /* decimal, min..max */
	CONF_DURATION, /* 90s, 10m, 1h30m; min..max in nanoseconds */
	CONF_SIZE,     /* bytes: 64K, 32M, 2G (powers of 1,024); min..max */
	CONF_RATE,     /* bits a second: 500M, 2G (powers of 1,000); min..max */
	CONF_ADDR,     /* an address */
	CONF_PREFIX,   /* an address or prefix */
	CONF_ENDPOINT, /* address:port, [v6]:port */
	CONF_WORD,     /* one of `words` */
	CONF_PATH,     /* an absolute path */
	CONF_SECTION,  /* a section of `options`; titled sections may come many times, each title
			  once */
};

struct conf_option {
	const char *name;
	enum conf_type type;
	bool list; /* {a, b, c}; not for sections */
	bool required;
	bool titled;      /* sections: feed "name" { … } */
	int64_t min, max; /* both 0: no limits but the type's */
	const char
	    *preset; /* the default, as it would stand in a file; NULL: none (a list: empty) */
	const char *const *words;          /* CONF_WORD: NULL-terminated */
	const struct conf_option *options; /* CONF_SECTION */
};

struct conf;

#define CONF_ERROR_MAX 512

/*
 * Reads `path` and then, in order of name, every *.conf of the folder `path` with ".conf" replaced
 * by ".d" where that folder is there ("/etc/finderscope/controller.d"); a setting outside sections
 * may stand in one file only, titled sections may be spread over all. 0 and a tree of the caller's,
 * or a negative errno and in `error` one line, "file:line: what is wrong; what is right".
 */
int conf_load(const char *path, const struct conf_option *options, struct conf **ret_conf,
    char error[CONF_ERROR_MAX]);

/* The same from text, for tests and fuzzing; `name` stands in errors for the file. */
int conf_parse(const char *name, const char *text, const struct conf_option *options,
    struct conf **ret_conf, char error[CONF_ERROR_MAX]);

void conf_free(struct conf **conf);

/*
 * A place in the tree: the file itself or one of its sections. Valid as long as the tree. Asking
 * for a name or type that the option table does not hold is a programming error and asserts.
 */
struct conf_section;

const struct conf_section *conf_root(const struct conf *conf);
size_t conf_count(
    const struct conf_section *section, const char *name); /* sections or list items */
const struct conf_section *conf_get_section(
    const struct conf_section *section, const char *name, size_t index);
const char *conf_title(const struct conf_section *section);

/* NULL where it has no value; valid as long as the tree. CONF_STRING, CONF_PATH, CONF_WORD, or the
 * text of any other. */
const char *conf_get_text(const struct conf_section *section, const char *name, size_t index);
bool conf_get_bool(const struct conf_section *section, const char *name);

/* CONF_NUMBER, CONF_DURATION (ns), CONF_SIZE (bytes), CONF_RATE (bits/s); 0 where it has no value.
 */
int64_t conf_get_number(const struct conf_section *section, const char *name, size_t index);

/* CONF_WORD: index in `words`; -1 where it has no value. */
int conf_get_word(const struct conf_section *section, const char *name, size_t index);

/* family 0 where it has no value. */
struct addr conf_get_addr(const struct conf_section *section, const char *name, size_t index);
struct prefix conf_get_prefix(const struct conf_section *section, const char *name, size_t index);
struct addr conf_get_endpoint(
    const struct conf_section *section, const char *name, size_t index, uint16_t *ret_port);

/*
 * Writes "file:line: NAME: text" for a value (name) or a section (name NULL) into `error` and
 * returns -EINVAL; for what only the caller can judge.
 */
int conf_error_at(const struct conf_section *section, const char *name, size_t index,
    char error[CONF_ERROR_MAX], const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Prints the whole as it was understood, defaults and all, in the form that conf_load reads;
 * `write` takes the pieces. */
void conf_print(const struct conf *conf, void (*write)(void *user, const char *text), void *user);

/*
 * The units by themselves (ctl's words use them too). 0 and the value, or -EINVAL, -ERANGE (over
 * 2^62).
 */
int conf_parse_size(const char *text, int64_t *ret_bytes);
int conf_parse_rate(const char *text, int64_t *ret_bits);
int conf_parse_endpoint(const char *text, struct addr *ret_addr, uint16_t *ret_port);

/*
 * Reads a small file that must be nobody else's: a regular file of mode 0600 or 0400, owned by root
 * or the caller's user; size bytes at most. The text is NUL-terminated in `text`. Negative errno
 * and one line in `error` otherwise.
 */
int conf_read_secret(const char *path, char *text, size_t size, char error[CONF_ERROR_MAX]);

#endif
