##! Zeek as an analyser of Finderscope's copies:
##!   zeek -C -i eth0 -f 'ip proto 47' finderscope.zeek
##! GRE and ERSPAN are taken off by Zeek itself; tunnel.log tells which switch a copy came from. The community id is the
##! name under which the same conversation stands in Finderscope's events.

@load policy/protocols/conn/community-id-logging
@load policy/tuning/json-logs
