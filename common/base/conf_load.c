/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From text to tree: libconfuse parses (every value as text, with its file and line), then the tree
 * is built and each value read by its option's type. libconfuse gives its callbacks no user
 * pointer: an option with a name that no file can hold (conf_text_clean refuses control characters)
 * carries it into every section.
 */
#include <confuse.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/conf_text.h"
#include "common/base/conf_value.h"
#include "common/base/text.h"

#define CARRIER "\x01"
#define FILE_MAX (4 << 20)

struct load {
	const char *file; /* being parsed */
	char *error;
	bool failed;
};

static struct load *
carried(cfg_t *cfg)
{
	return (void *)cfg_getopt(cfg, CARRIER)->simple_value.ptr;
}

static int __attribute__((format(printf, 3, 4)))
fail(struct load *load, unsigned line, const char *format, ...)
{
	va_list args;
	int n;

	if (!load->failed) { /* the first error is the cause, others its echo */
		n = snprintf(load->error, CONF_ERROR_MAX, "%s:%u: ", load->file, line);
		va_start(args, format);
		if (n > 0 && n < CONF_ERROR_MAX)
			vsnprintf(load->error + n, CONF_ERROR_MAX - (size_t)n, format, args);
		va_end(args);
		load->failed = true;
	}
	return -EINVAL;
}

static void
unknown_setting(struct load *load, cfg_t *cfg, const char *name)
{
	const char *names[128], *nearest;
	char all[CONF_ERROR_MAX / 2] = "";
	size_t n = 0, used = 0;

	for (cfg_opt_t *opt = cfg->opts; opt && opt->name && n < 128; opt++)
		if (opt->name[0] != CARRIER[0])
			names[n++] = opt->name;
	nearest = conf_text_nearest(name, names, n);
	for (size_t i = 0; i < n && used < sizeof all; i++)
		used += (size_t)snprintf(all + used, sizeof all - used, " %s", names[i]);
	if (nearest)
		fail(load, (unsigned)cfg->line,
		    "there is no setting \"%.40s\"; did you mean \"%s\"?", name, nearest);
	else
		fail(load, (unsigned)cfg->line, "there is no setting \"%.40s\" here; there are:%s",
		    name, all);
}

static void __attribute__((format(printf, 2, 0)))
on_error(cfg_t *cfg, const char *format, va_list args)
{
	struct load *load = carried(cfg);
	char text[CONF_ERROR_MAX];
	va_list copy;

	va_copy(copy, args);
	if (strncmp(format, "no such option", 14) == 0) {
		unknown_setting(load, cfg, va_arg(copy, const char *));
	} else if (strncmp(format, "found duplicate title", 21) == 0) {
		fail(load, (unsigned)cfg->line,
		    "a section \"%.80s\" is there already; each title comes once",
		    va_arg(copy, const char *));
	} else {
		vsnprintf(text, sizeof text, format, copy);
		fail(load, (unsigned)cfg->line, "%s", text);
	}
	va_end(copy);
}

/* libconfuse's parse callback: keeps text and place, refuses what was given before. */
static int
take_value(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct load *load = carried(cfg);
	struct conf_value *value;
	bool list = opt->flags & CFGF_LIST;

	/* Another value replaces the first silently: the comment field, unused here, remembers it.
	 */
	if (opt->comment && (!list || opt->nvalues == 1))
		return fail(
		    load, (unsigned)cfg->line, "%s: it is set already; once is enough", opt->name);
	value = calloc(1, sizeof *value);
	if (!value || !(value->text = strdup(text)) || !(value->file = strdup(load->file)) ||
	    (!opt->comment && !(opt->comment = strdup("set")))) {
		if (value) {
			free(value->text);
			free(value->file);
		}
		free(value);
		return fail(load, (unsigned)cfg->line, "out of memory");
	}
	value->line = (unsigned)cfg->line;
	*(void **)result = value;
	return 0;
}

static void
drop_value(void *pointer)
{
	struct conf_value *value = pointer;

	free(value->text);
	free(value->file);
	free(value);
}

static void
free_options(cfg_opt_t *opts)
{
	for (cfg_opt_t *opt = opts; opt && opt->name; opt++)
		free_options(opt->subopts);
	free(opts);
}

static cfg_opt_t *
make_options(const struct conf_option *options, struct load *load)
{
	size_t n = conf_value_options(options);
	cfg_opt_t *opts = calloc(n + 2, sizeof *opts);

	if (!opts)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		opts[i].name = options[i].name;
		if (options[i].type == CONF_SECTION) {
			opts[i].type = CFGT_SEC;
			opts[i].flags = options[i].titled
					    ? CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES
					    : CFGF_MULTI;
			opts[i].subopts = make_options(options[i].options, load);
			if (!opts[i].subopts) {
				free_options(opts);
				return NULL;
			}
		} else {
			opts[i].type = CFGT_PTR;
			opts[i].flags = options[i].list ? CFGF_LIST : CFGF_NONE;
			opts[i].parsecb = take_value;
			opts[i].freecb = drop_value;
		}
	}
	opts[n].name = CARRIER;
	opts[n].type = CFGT_PTR;
	opts[n].simple_value.ptr = (void *)load;
	return opts;
}

static int
parse_text(cfg_t *cfg, struct load *load, const char *file, char *text)
{
	unsigned line;
	const char *wrong = conf_text_clean(text, &line);

	FILE *stream;
	int r;

	load->file = file;
	if (wrong)
		return fail(load, line, "%s", wrong);
	/* A stream, not a buffer: then sections take over the name that is set here. */
	stream = fmemopen(text, strlen(text), "r");
	free(cfg->filename);
	cfg->filename = strdup(file);
	if (!stream && text[0])
		return fail(load, 1, "out of memory");
	if (!stream)
		return 0;
	r = cfg_parse_fp(cfg, stream);
	fclose(stream);
	if (r != CFG_SUCCESS || load->failed)
		return fail(load, (unsigned)cfg->line, "it cannot be read");
	return 0;
}

static int
read_file(const char *path, size_t most, char **ret_text, char error[CONF_ERROR_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), r = 0;
	char *text = NULL;
	struct stat st;
	ssize_t n = 0;
	size_t size = 0;

	if (fd < 0) {
		r = -errno;
		snprintf(error, CONF_ERROR_MAX, "%s: cannot be opened: %s", path, strerror(errno));
		return r;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (size_t)st.st_size > most) {
		snprintf(error, CONF_ERROR_MAX, "%s: is no regular file of at most %zu bytes", path,
		    most);
		r = -EINVAL;
	} else if (!(text = malloc(most + 1))) {
		snprintf(error, CONF_ERROR_MAX, "%s: out of memory", path);
		r = -ENOMEM;
	}
	while (r == 0 && size < most && (n = read(fd, text + size, most - size)) > 0)
		size += (size_t)n;
	if (r == 0 && n < 0) {
		r = -errno;
		snprintf(error, CONF_ERROR_MAX, "%s: cannot be read: %s", path, strerror(errno));
	}
	close(fd);
	if (r == 0 && memchr(text, '\0', size)) {
		snprintf(error, CONF_ERROR_MAX, "%s: holds a NUL byte; it is not text", path);
		r = -EINVAL;
	}
	if (r < 0) {
		free(text);
		return r;
	}
	text[size] = '\0';
	*ret_text = text;
	return 0;
}

static int
parse_file(cfg_t *cfg, struct load *load, const char *path)
{
	char *text;
	int r = read_file(path, FILE_MAX, &text, load->error);

	if (r < 0) {
		load->failed = true;
		return r;
	}
	r = parse_text(cfg, load, path, text);
	free(text);
	return r;
}

static int
is_conf(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

static int
parse_folder(cfg_t *cfg, struct load *load, const char *path)
{
	char folder[4096], file[4096 + 258];
	size_t n = strlen(path);
	struct dirent **entries;
	int count, r = 0;

	if (n < 6 || n + 1 > sizeof folder || strcmp(path + n - 5, ".conf") != 0)
		return 0;
	snprintf(folder, sizeof folder, "%.*s.d", (int)(n - 5), path);
	count = scandir(folder, &entries, is_conf, alphasort);
	if (count < 0) {
		if (errno == ENOENT)
			return 0;
		r = -errno;
		snprintf(load->error, CONF_ERROR_MAX, "%.400s: cannot be read: %s", folder,
		    strerror(errno));
		return r;
	}
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof file, "%s/%s", folder, entries[i]->d_name);
		if (r == 0)
			r = parse_file(cfg, load, file);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int build_section(struct load *load, cfg_t *cfg, const struct conf_option *options,
    struct conf_section **ret_section);

static int
judge(struct load *load, const struct conf_option *option, struct conf_value *value)
{
	char why[CONF_ERROR_MAX - 64];

	if (conf_value_read(option, value, why, sizeof why) == 0)
		return 0;
	load->file = value->file ? value->file : "default";
	return fail(load, value->line, "%s: %s", option->name, why);
}

/* The preset of a list is one text with commas. */
static int
build_preset(struct load *load, struct conf_item *item)
{
	const struct conf_option *option = item->option;
	char *copy, *rest, *word;
	size_t most = 1;

	if (!option->preset)
		return 0;
	for (const char *p = option->preset; *p; p++)
		most += *p == ',';
	item->values = calloc(most, sizeof *item->values);
	copy = rest = strdup(option->preset);
	if (!item->values || !copy) {
		free(copy);
		return -ENOMEM;
	}
	while ((word = option->list ? strsep(&rest, ",") : rest)) {
		struct conf_value *value = &item->values[item->count++];

		value->text = strdup(word + strspn(word, " "));
		if (!value->text || judge(load, option, value) < 0) {
			free(copy);
			return value->text ? -EINVAL : -ENOMEM;
		}
		if (!option->list)
			break;
	}
	free(copy);
	return 0;
}

static int
build_values(struct load *load, cfg_t *cfg, struct conf_item *item, struct conf_section *section)
{
	cfg_opt_t *opt = cfg ? cfg_getopt(cfg, item->option->name) : NULL;
	unsigned n = opt ? opt->nvalues : 0;

	item->is_set = n > 0 || (opt && item->option->list && (opt->flags & CFGF_MODIFIED));
	if (!item->is_set && item->option->required && cfg) {
		load->file = section->file ? section->file : load->file;
		/* libconfuse calls the file itself "root". */
		if (strcmp(cfg->name, "root") == 0)
			return fail(load, section->line, "the setting \"%s\" is missing",
			    item->option->name);
		return fail(load, section->line, "%s%s%s%s: the setting \"%s\" is missing",
		    cfg->name, section->title ? " \"" : "", section->title ? section->title : "",
		    section->title ? "\"" : "", item->option->name);
	}
	if (!item->is_set)
		return build_preset(load, item);
	if (n && !(item->values = calloc(n, sizeof *item->values)))
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		struct conf_value *from = opt->values[i]->ptr;

		item->values[i] = *from; /* moved: libconfuse frees an empty one */
		from->text = from->file = NULL;
		item->count++;
		if (judge(load, item->option, &item->values[i]) < 0)
			return -EINVAL;
	}
	return 0;
}

static int
build_sections(struct load *load, cfg_t *cfg, struct conf_item *item)
{
	cfg_opt_t *opt = cfg ? cfg_getopt(cfg, item->option->name) : NULL;
	unsigned n = opt ? opt->nvalues : 0, most = n ? n : 1;

	item->is_set = n > 0;
	if (n == 0 && item->option->titled)
		return 0;
	if (n > 1 && !item->option->titled)
		return fail(load, (unsigned)opt->values[1]->section->line,
		    "%s: this section is there already; once is enough", item->option->name);
	item->sections = calloc(most, sizeof(struct conf_section *));
	if (!item->sections)
		return -ENOMEM;
	for (unsigned i = 0; i < most; i++) {
		/* Without a title and not in the file: one section of defaults, so that nobody has
		 * to ask. */
		int r = build_section(load, n ? opt->values[i]->section : NULL,
		    item->option->options, &item->sections[i]);

		if (item->sections[i])
			item->count++;
		if (r < 0)
			return r;
	}
	return 0;
}

/* libconfuse keeps the line where a section ends; the first thing in it is nearer to what a person
 * looks for. */
static unsigned
first_line(cfg_t *cfg)
{
	unsigned first = (unsigned)cfg->line;

	for (cfg_opt_t *opt = cfg->opts; opt && opt->name; opt++)
		if (opt->type == CFGT_PTR && opt->nvalues) {
			const struct conf_value *value = opt->values[0]->ptr;

			if (value->line < first)
				first = value->line;
		}
	return first;
}

/* On an error *ret_section is what there is of it: the tree is freed from its root. */
static int
build_section(struct load *load, cfg_t *cfg, const struct conf_option *options,
    struct conf_section **ret_section)
{
	struct conf_section *section = calloc(1, sizeof *section);
	size_t n = conf_value_options(options);
	const char *wrong;

	*ret_section = section;
	if (!section || !(section->items = calloc(n + 1, sizeof *section->items)))
		return -ENOMEM;
	if (cfg) {
		section->line = first_line(cfg);
		if (!(section->file = strdup(cfg->filename ? cfg->filename : load->file)) ||
		    (cfg->title && !(section->title = strdup(cfg->title))))
			return -ENOMEM;
		load->file = section->file;
		wrong = cfg->title ? conf_value_text_wrong(cfg->title) : NULL;
		if (wrong)
			return fail(
			    load, section->line, "%s \"%.40s\": %s", cfg->name, cfg->title, wrong);
	}
	for (size_t i = 0; i < n; i++) {
		struct conf_item *item = &section->items[section->item_count++];
		int r;

		item->option = &options[i];
		r = options[i].type == CONF_SECTION ? build_sections(load, cfg, item)
						    : build_values(load, cfg, item, section);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
load_any(const char *path, char *text, const struct conf_option *options, struct conf **ret_conf,
    char error[CONF_ERROR_MAX])
{
	struct load load = {.file = path, .error = error};
	cfg_opt_t *opts = make_options(options, &load);
	cfg_t *cfg = opts ? cfg_init(opts, CFGF_NONE) : NULL;
	struct conf *conf = calloc(1, sizeof *conf);
	int r = -ENOMEM;

	snprintf(error, CONF_ERROR_MAX, "%s: out of memory", path);
	if (cfg && conf) {
		cfg_set_error_function(cfg, on_error);
		if (text)
			r = parse_text(cfg, &load, path, text);
		else if ((r = parse_file(cfg, &load, path)) == 0)
			r = parse_folder(cfg, &load, path);
		load.file = path;
		if (r == 0)
			r = build_section(&load, cfg, options, &conf->root);
	}
	if (cfg)
		cfg_free(cfg);
	free_options(opts);
	if (r < 0) {
		text_one_line(error);
		conf_free(&conf);
		return r;
	}
	*ret_conf = conf;
	return 0;
}

int
conf_load(const char *path, const struct conf_option *options, struct conf **ret_conf,
    char error[CONF_ERROR_MAX])
{
	return load_any(path, NULL, options, ret_conf, error);
}

int
conf_parse(const char *name, const char *text, const struct conf_option *options,
    struct conf **ret_conf, char error[CONF_ERROR_MAX])
{
	char *copy = strdup(text);
	int r;

	if (!copy) {
		snprintf(error, CONF_ERROR_MAX, "%s: out of memory", name);
		return -ENOMEM;
	}
	r = load_any(name, copy, options, ret_conf, error);
	free(copy);
	return r;
}

int
conf_read_secret(const char *path, char *text, size_t size, char error[CONF_ERROR_MAX])
{
	struct stat st;
	char *body;
	int r;

	if (stat(path, &st) < 0) {
		r = -errno;
		snprintf(error, CONF_ERROR_MAX, "%s: cannot be read: %s", path, strerror(errno));
		return r;
	}
	if ((st.st_mode & 0177) != 0 || !S_ISREG(st.st_mode)) {
		snprintf(error, CONF_ERROR_MAX,
		    "%s: its mode is %04o; a secret's must be 0600: chmod 600 %s", path,
		    (unsigned)st.st_mode & 07777, path);
		return -EPERM;
	}
	/* Root reads those of the users it looks after. */
	if (st.st_uid != 0 && st.st_uid != geteuid() && geteuid() != 0) {
		snprintf(error, CONF_ERROR_MAX,
		    "%s: belongs to user %u; it must be root's or this program's own", path,
		    (unsigned)st.st_uid);
		return -EPERM;
	}
	r = read_file(path, size - 1, &body, error);
	if (r < 0)
		return r;
	memcpy(text, body, strlen(body) + 1);
	explicit_bzero(body, strlen(body));
	free(body);
	return 0;
}
