/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "common/tool/pcapng.h"

static const uint8_t frame[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 99};

/* libpcap, another's hand, reads what was written. */
static void
libpcap_reads_it(void **state)
{
	char *text = NULL, error[PCAP_ERRBUF_SIZE];
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	struct pcap_pkthdr *head;
	const u_char *bytes;
	struct pcapng out;
	pcap_t *in;

	(void)state;
	pcapng_begin(&out, file, "a test");
	assert_int_equal(pcapng_packet(&out, PCAPNG_ETHERNET, INT64_C(1764172800123456789), frame,
			     sizeof frame, 1514, "capture 7"),
	    0);
	assert_int_equal(
	    pcapng_packet(&out, PCAPNG_ETHERNET, INT64_C(1764172801000000000), frame, 16, 16, ""),
	    0);
	fclose(file);
	assert_int_equal(size % 4, 0);

	file = fmemopen(text, size, "r");
	in = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, error);
	if (in == NULL)
		fail_msg("%s", error);
	assert_int_equal(pcap_datalink(in), DLT_EN10MB);
	assert_int_equal(pcap_next_ex(in, &head, &bytes), 1);
	assert_int_equal(head->ts.tv_sec, 1764172800);
	assert_int_equal(head->ts.tv_usec, 123456789);
	assert_int_equal(head->caplen, sizeof frame);
	assert_int_equal(head->len, 1514);
	assert_memory_equal(bytes, frame, sizeof frame);
	assert_int_equal(pcap_next_ex(in, &head, &bytes), 1);
	assert_int_equal(head->caplen, 16);
	assert_int_equal(pcap_next_ex(in, &head, &bytes), PCAP_ERROR_BREAK);
	pcap_close(in);
	assert_non_null(memmem(text, size, "capture 7", 9));
	free(text);
}

/* Link types differ: an interface each, up to a limit; a length below the size is none. */
static void
each_link_type_has_an_interface(void **state)
{
	char *text = NULL;
	size_t size = 0, with_one;
	FILE *file = open_memstream(&text, &size);
	struct pcapng out;

	(void)state;
	pcapng_begin(&out, file, "");
	for (uint16_t link = 0; link < PCAPNG_INTERFACES_MAX; link++)
		assert_int_equal(pcapng_packet(&out, link, 0, frame, 3, 0, ""), 0);
	fflush(file);
	with_one = size;
	assert_int_equal(pcapng_packet(&out, 99, 0, frame, 3, 0, ""), -ENOSPC);
	assert_int_equal(pcapng_packet(&out, 2, 0, frame, 3, 0, ""), 0);
	fclose(file);
	assert_int_equal(size - with_one, 36);
	assert_int_equal(out.link_count, PCAPNG_INTERFACES_MAX);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(libpcap_reads_it),
	    cmocka_unit_test(each_link_type_has_an_interface),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
