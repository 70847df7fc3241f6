-- opencode 2: session_v2 and session_message, beside the older tables that it took over.
CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text, title text, version text, time_created integer);
CREATE TABLE session_v2 (id text PRIMARY KEY, project_id text, workspace_id text, parent_id text, fork_session_id text, slug text, directory text, title text, version text, model text, cost real, time_created integer, time_updated integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL, type text NOT NULL, seq integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);

INSERT INTO session VALUES ('ses_old', NULL, '/home/ada/loom', 'Taken over', '1.18.0', 1772000000000);
INSERT INTO session_v2 (id, fork_session_id, directory, title, version, time_created) VALUES
 ('ses_old', NULL, '/home/ada/loom', 'Taken over', '2.0.0', 1772000000000),
 ('ses_new', 'ses_old', '/home/ada/loom', 'Woven anew', '2.0.0', 1772100000000);
INSERT INTO message VALUES
 ('msg_1', 'ses_old', 1772000000100, 1772000000100, '{"role":"user","time":{"created":1772000000100}}'),
 ('msg_2', 'ses_old', 1772000000200, 1772000001000, '{"role":"assistant","modelID":"glow-6","providerID":"lumen","cost":0.01,"tokens":{"total":36,"input":10,"output":20,"reasoning":6,"cache":{"read":0,"write":0}},"time":{"created":1772000000200,"completed":1772000001000},"finish":"stop"}');
INSERT INTO part VALUES
 ('prt_1', 'msg_1', 'ses_old', 1772000000100, 1772000000100, '{"type":"text","text":"Spin."}'),
 ('prt_2', 'msg_2', 'ses_old', 1772000000300, 1772000000300, '{"type":"text","text":"Spun."}');
-- the copies of the two messages, and what opencode 2 added
INSERT INTO session_message VALUES
 ('evt_1', 'ses_old', 'user', 1, 1772000000100, 1772000000100, '{"time":{"created":1772000000100},"text":"Spin."}'),
 ('evt_2', 'ses_old', 'assistant', 2, 1772000000200, 1772000001000, '{"time":{"created":1772000000200,"completed":1772000001000},"agent":"build","model":{"id":"glow-6","providerID":"lumen"},"content":[{"type":"text","text":"Spun."}],"cost":0.01,"tokens":{"input":10,"output":20,"reasoning":6,"cache":{"read":0,"write":0}},"finish":"stop"}'),
 ('evt_3', 'ses_old', 'user', 3, 1772000100000, 1772000100000, '{"time":{"created":1772000100000},"text":"Again."}'),
 ('evt_10', 'ses_new', 'model-switched', 1, 1772100000000, 1772100000000, '{"time":{"created":1772100000000},"model":{"id":"glow-6","providerID":"lumen"}}'),
 ('evt_11', 'ses_new', 'system', 2, 1772100000050, 1772100000050, '{"time":{"created":1772100000050},"text":"Weave well."}'),
 ('evt_12', 'ses_new', 'user', 3, 1772100000100, 1772100000100, '{"time":{"created":1772100000100},"text":"Weave."}'),
 ('evt_13', 'ses_new', 'assistant', 4, 1772100000200, 1772100002000, '{"time":{"created":1772100000200,"completed":1772100002000},"agent":"build","model":{"id":"glow-6","providerID":"lumen"},"content":[{"type":"reasoning","id":"r1","text":"Warp first."},{"type":"text","text":"Woven."},{"type":"tool","id":"call_1","name":"bash","state":{"status":"completed","input":{"command":"weave"},"content":[{"type":"text","text":"done"}],"structured":{"exit":0}},"time":{"created":1772100000300,"ran":1772100000400,"completed":1772100000900}},{"type":"tool","id":"call_2","name":"bash","state":{"status":"error","input":{"command":"dye"},"content":[],"structured":{},"error":{"type":"tool.execution","message":"no dye"}},"time":{"created":1772100000300}}],"cost":0.02,"tokens":{"input":100,"output":20,"reasoning":5,"cache":{"read":50,"write":7}},"finish":"tool-calls"}'),
 ('evt_14', 'ses_new', 'shell', 5, 1772100003000, 1772100003500, '{"time":{"created":1772100003000,"completed":1772100003500},"callID":"s1","command":"ls","output":"cloth"}'),
 ('evt_15', 'ses_new', 'assistant', 6, 1772100004000, 1772100004000, '{"time":{"created":1772100004000},"model":{"id":"glow-6","providerID":"lumen"},"content":[],"error":{"type":"aborted","message":"stopped"}}'),
 ('evt_16', 'ses_new', 'compaction', 7, 1772100005000, 1772100005000, '{"time":{"created":1772100005000},"reason":"manual","summary":"A cloth was woven."}'),
 ('evt_17', 'ses_new', 'telepathy', 8, 1772100006000, 1772100006000, '{"time":{"created":1772100006000}}');
