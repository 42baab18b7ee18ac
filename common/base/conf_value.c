/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/base/conf_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/clk.h"

#define TEXT_MAX 1024
#define WORD_(number) #number
#define WORD(number) WORD_(number)

/* A decimal number and the index of the unit letter behind it in `letters` (-1: none); the end must
 * follow. */
static int
number_and_unit(const char *text, const char *letters, int64_t *ret_value, int *ret_unit)
{
	const char *p = text, *unit;
	int64_t value = 0;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *p - '0', &value))
			return -ERANGE;
	*ret_unit = -1;
	if (*p) {
		unit = strchr(letters, *p);
		if (!unit || p[1])
			return -EINVAL;
		*ret_unit = (int)(unit - letters);
	}
	*ret_value = value;
	return 0;
}

static int
scaled(const char *text, int64_t base, int64_t *ret_value)
{
	int64_t value;
	int unit, r = number_and_unit(text, "KMGT", &value, &unit);

	if (r < 0)
		return r;
	for (; unit >= 0; unit--)
		if (__builtin_mul_overflow(value, base, &value))
			return -ERANGE;
	if (value > INT64_C(1) << 62)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

int
conf_parse_size(const char *text, int64_t *ret_bytes)
{
	return scaled(text, 1024, ret_bytes);
}

int
conf_parse_rate(const char *text, int64_t *ret_bits)
{
	return scaled(text, 1000, ret_bits);
}

int
conf_parse_endpoint(const char *text, struct addr *ret_addr, uint16_t *ret_port)
{
	char host[ADDR_TEXT_MAX];
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : 0;
	int64_t port;
	int unit;

	if (!colon || size == 0 || number_and_unit(colon + 1, "", &port, &unit) < 0 || port < 1 ||
	    port > 65535)
		return -EINVAL;
	if (text[0] == '[' && text[size - 1] == ']') {
		text++;
		size -= 2;
	} else if (memchr(text, ':', size)) {
		return -EINVAL; /* IPv6 without brackets: which colon is the port's? */
	}
	if (size >= sizeof host)
		return -EINVAL;
	memcpy(host, text, size);
	host[size] = '\0';
	if (addr_parse(host, ret_addr) < 0)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

static int
read_bool(const char *text, int64_t *ret_value)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasecmp(text, words[i]) == 0) {
			*ret_value = i % 2;
			return 0;
		}
	return -EINVAL;
}

static int
read_word(const struct conf_option *option, const char *text, int64_t *ret_index)
{
	for (int64_t i = 0; option->words[i]; i++)
		if (strcmp(option->words[i], text) == 0) {
			*ret_index = i;
			return 0;
		}
	return -EINVAL;
}

static const char *
wanted(const struct conf_option *option, char *words, size_t size)
{
	size_t n = 0;

	switch (option->type) {
	case CONF_BOOL:
		return "yes or no";
	case CONF_NUMBER:
		return "a number";
	case CONF_DURATION:
		return "a duration: a number with ms, s, m, h, d or w, like 90s or 1h30m";
	case CONF_SIZE:
		return "a size in bytes: a number, or one with K, M, G or T, like 32M";
	case CONF_RATE:
		return "a rate in bits a second: a number, or one with K, M, G or T, like 500M";
	case CONF_ADDR:
		return "an IPv4 or IPv6 address";
	case CONF_PREFIX:
		return "an address or prefix, like 10.0.0.0/8";
	case CONF_ENDPOINT:
		return "an address and a port, like 192.0.2.1:6344 or [2001:db8::1]:6344";
	case CONF_PATH:
		return "a path that begins with /";
	case CONF_WORD:
		for (size_t i = 0; option->words[i] && n < size; i++)
			n += (size_t)snprintf(
			    words + n, size - n, "%s%s", i ? ", " : "one of: ", option->words[i]);
		return words;
	case CONF_STRING:
	case CONF_SECTION:
	case CONF_END:
		break;
	}
	return "text";
}

/* A limit, written as the option's values are. */
static const char *
limit_text(const struct conf_option *option, int64_t limit, char text[CLK_TEXT_MAX])
{
	static const char letters[] = "TGMK";
	int64_t base = option->type == CONF_SIZE ? 1024 : 1000;

	if (option->type == CONF_DURATION)
		return clk_format_duration(limit, text);
	if (option->type == CONF_SIZE || option->type == CONF_RATE) {
		int64_t unit = base * base * base * base;

		for (size_t i = 0; i < 4; i++, unit /= base)
			if (limit && limit % unit == 0) {
				snprintf(
				    text, CLK_TEXT_MAX, "%" PRId64 "%c", limit / unit, letters[i]);
				return text;
			}
	}
	snprintf(text, CLK_TEXT_MAX, "%" PRId64, limit);
	return text;
}

static int
read_typed(const struct conf_option *option, struct conf_value *value)
{
	int unit;

	switch (option->type) {
	case CONF_BOOL:
		return read_bool(value->text, &value->number);
	case CONF_NUMBER:
		return number_and_unit(value->text, "", &value->number, &unit);
	case CONF_DURATION:
		return clk_parse_duration(value->text, &value->number);
	case CONF_SIZE:
		return conf_parse_size(value->text, &value->number);
	case CONF_RATE:
		return conf_parse_rate(value->text, &value->number);
	case CONF_ADDR:
		return addr_parse(value->text, &value->addr);
	case CONF_PREFIX:
		return prefix_parse(value->text, &value->prefix, NULL);
	case CONF_ENDPOINT:
		return conf_parse_endpoint(value->text, &value->addr, &value->port);
	case CONF_WORD:
		return read_word(option, value->text, &value->number);
	case CONF_PATH:
		return value->text[0] == '/' ? 0 : -EINVAL;
	case CONF_STRING:
	case CONF_SECTION:
	case CONF_END:
		break;
	}
	return 0;
}

const char *
conf_value_text_wrong(const char *text)
{
	if (strlen(text) > TEXT_MAX)
		return "the text is too long; at most " WORD(TEXT_MAX) " bytes";
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || (p[0] == '$' && p[1] == '{'))
			return "there is a control character or ${ in the text";
	return NULL;
}

int
conf_value_read(const struct conf_option *option, struct conf_value *value, char *why, size_t size)
{
	char words[256] = "", low[CLK_TEXT_MAX], high[CLK_TEXT_MAX];
	bool measured = option->type == CONF_NUMBER || option->type == CONF_DURATION ||
			option->type == CONF_SIZE || option->type == CONF_RATE;
	const char *wrong;
	int r;

	wrong = conf_value_text_wrong(value->text);
	if (wrong) {
		snprintf(why, size, "%s", wrong);
		return -EINVAL;
	}
	r = read_typed(option, value);
	if (r == -EINVAL) {
		snprintf(why, size, "\"%.64s\" is not %s", value->text,
		    wanted(option, words, sizeof words));
		return -EINVAL;
	}
	if (r == -ERANGE || (measured && (option->min || option->max) &&
				(value->number < option->min || value->number > option->max))) {
		if (option->min || option->max)
			snprintf(why, size, "%.64s is out of range; %s to %s", value->text,
			    limit_text(option, option->min, low),
			    limit_text(option, option->max, high));
		else
			snprintf(why, size, "%.64s is too large", value->text);
		return -EINVAL;
	}
	return r;
}

size_t
conf_value_options(const struct conf_option *options)
{
	size_t n = 0;

	while (options[n].type != CONF_END)
		n++;
	return n;
}
