-- opencode 1.x: session, message, part, todo; session_message holds switches of agent and model only.
CREATE TABLE project (id text PRIMARY KEY, worktree text NOT NULL, vcs text, name text, sandboxes text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL);
CREATE TABLE session (id text PRIMARY KEY, project_id text NOT NULL, workspace_id text, parent_id text, slug text NOT NULL, directory text NOT NULL, path text, title text NOT NULL, version text NOT NULL, share_url text, summary_additions integer, summary_deletions integer, summary_files integer, summary_diffs text, cost real NOT NULL DEFAULT 0, tokens_input integer NOT NULL DEFAULT 0, tokens_output integer NOT NULL DEFAULT 0, tokens_reasoning integer NOT NULL DEFAULT 0, tokens_cache_read integer NOT NULL DEFAULT 0, tokens_cache_write integer NOT NULL DEFAULT 0, revert text, permission text, agent text, model text, time_created integer NOT NULL, time_updated integer NOT NULL, time_compacting integer, time_archived integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE todo (session_id text NOT NULL, content text NOT NULL, status text NOT NULL, priority text NOT NULL, position integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, PRIMARY KEY (session_id, position));
CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL, type text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);
CREATE INDEX part_message_id_id_idx ON part (message_id, id);
CREATE INDEX part_session_idx ON part (session_id);

INSERT INTO project VALUES ('prj1', '/home/ada/loom', 'git', 'loom', '[]', 1768470000000, 1768470000000);
INSERT INTO session (id, project_id, parent_id, slug, directory, title, version, agent, model, time_created, time_updated) VALUES
 ('ses_main', 'prj1', NULL, 'quiet-loom', '/home/ada/loom', 'Mend the loom', '1.15.10', 'build', '{"id":"glow-5","providerID":"lumen"}', 1768478400000, 1768478600000),
 ('ses_child', 'prj1', 'ses_main', 'small-loom', '/home/ada/loom', 'Count threads', '1.15.10', 'general', NULL, 1768478420000, 1768478430000);

-- ses_main: a question, a reply of two steps with tools, an aborted one, a compaction.
INSERT INTO message VALUES
 ('msg_01', 'ses_main', 1768478400100, 1768478400100, '{"role":"user","time":{"created":1768478400100},"agent":"build","model":{"providerID":"lumen","modelID":"glow-5"},"system":"Be brief."}'),
 ('msg_02', 'ses_main', 1768478400200, 1768478405000, '{"role":"assistant","parentID":"msg_01","mode":"build","agent":"build","modelID":"glow-5","providerID":"lumen","path":{"cwd":"/home/ada/loom","root":"/home/ada/loom"},"cost":0.03,"tokens":{"total":2160,"input":60,"output":40,"reasoning":60,"cache":{"read":1900,"write":100}},"time":{"created":1768478400200,"completed":1768478405000},"finish":"stop"}'),
 ('msg_03', 'ses_main', 1768478410000, 1768478410000, '{"role":"user","time":{"created":1768478410000},"agent":"build","model":{"providerID":"lumen","modelID":"glow-5"}}'),
 ('msg_04', 'ses_main', 1768478410100, 1768478412000, '{"role":"assistant","parentID":"msg_03","modelID":"glow-5","providerID":"lumen","cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"time":{"created":1768478410100,"completed":1768478412000},"error":{"name":"MessageAbortedError","data":{"message":"The operation was aborted."}}}'),
 ('msg_05', 'ses_main', 1768478500000, 1768478500000, '{"role":"user","time":{"created":1768478500000},"agent":"build","model":{"providerID":"lumen","modelID":"glow-5"}}'),
 ('msg_06', 'ses_main', 1768478500100, 1768478504000, '{"role":"assistant","parentID":"msg_05","summary":true,"mode":"compaction","agent":"compaction","modelID":"glow-5","providerID":"lumen","cost":0.01,"tokens":{"input":900,"output":80,"reasoning":0,"cache":{"read":0,"write":0}},"time":{"created":1768478500100,"completed":1768478504000},"finish":"stop"}'),
 ('msg_07', 'ses_main', 1768478510000, 1768478511000, '{"role":"assistant","modelID":"glow-5","providerID":"lumen","time":{"created":1768478510000},"error":{"name":"APIError","data":{"message":"Overloaded","statusCode":529,"isRetryable":true}}}');
INSERT INTO part VALUES
 ('prt_0101', 'msg_01', 'ses_main', 1768478400100, 1768478400100, '{"type":"text","text":"Mend the loom."}'),
 ('prt_0102', 'msg_01', 'ses_main', 1768478400101, 1768478400101, '{"type":"file","mime":"image/png","filename":"loom.png","url":"data:image/png;base64,AAAA"}'),
 ('prt_0103', 'msg_01', 'ses_main', 1768478400102, 1768478400102, '{"type":"text","text":"Shown to people only.","ignored":true}'),
 ('prt_0201', 'msg_02', 'ses_main', 1768478400210, 1768478400210, '{"type":"step-start","snapshot":"aa11"}'),
 ('prt_0202', 'msg_02', 'ses_main', 1768478400220, 1768478400220, '{"type":"reasoning","text":"Which thread is torn?","time":{"start":1768478400220,"end":1768478400900}}'),
 ('prt_0203', 'msg_02', 'ses_main', 1768478401000, 1768478402000, '{"type":"tool","callID":"call_a","tool":"bash","state":{"status":"completed","input":{"command":"ls threads"},"output":"ls: cannot access","title":"ls threads","metadata":{"exit":2},"time":{"start":1768478401000,"end":1768478401250}}}'),
 ('prt_0204', 'msg_02', 'ses_main', 1768478401300, 1768478401300, '{"type":"tool","callID":"call_b","tool":"invalid","state":{"status":"completed","input":{"tool":"weave","error":"Unknown tool"},"output":"The arguments are invalid","title":"Invalid Tool","metadata":{},"time":{"start":1768478401300,"end":1768478401301}}}'),
 ('prt_0205', 'msg_02', 'ses_main', 1768478401400, 1768478401400, '{"type":"step-finish","reason":"tool-calls","cost":0.01,"tokens":{"total":2100,"input":2000,"output":30,"reasoning":70,"cache":{"read":0,"write":0}}}'),
 ('prt_0206', 'msg_02', 'ses_main', 1768478402000, 1768478402000, '{"type":"step-start"}'),
 ('prt_0207', 'msg_02', 'ses_main', 1768478402100, 1768478402100, '{"type":"text","text":"It is mended.","time":{"start":1768478402100,"end":1768478404000}}'),
 ('prt_0208', 'msg_02', 'ses_main', 1768478404100, 1768478404100, '{"type":"step-finish","reason":"stop","cost":0.02,"tokens":{"total":2160,"input":60,"output":40,"reasoning":60,"cache":{"read":1900,"write":100}}}'),
 ('prt_0209', 'msg_02', 'ses_main', 1768478404200, 1768478404200, '{"type":"patch","hash":"bb22","files":["/home/ada/loom/thread.txt"]}'),
 ('prt_0210', 'msg_02', 'ses_main', 1768478404300, 1768478404300, '{"type":"retry","attempt":1,"error":{"name":"APIError","data":{"message":"Try later"}},"time":{"created":1768478404300}}'),
 ('prt_0211', 'msg_02', 'ses_main', 1768478404400, 1768478404400, '{"type":"hologram","beam":7}'),
 ('prt_0301', 'msg_03', 'ses_main', 1768478410000, 1768478410000, '{"type":"text","text":"Now dye it."}'),
 ('prt_0401', 'msg_04', 'ses_main', 1768478410200, 1768478410200, '{"type":"step-start"}'),
 ('prt_0402', 'msg_04', 'ses_main', 1768478410300, 1768478410300, '{"type":"text","text":"Which col"}'),
 ('prt_0501', 'msg_05', 'ses_main', 1768478500000, 1768478500000, '{"type":"compaction","auto":true}'),
 ('prt_0601', 'msg_06', 'ses_main', 1768478500200, 1768478500200, '{"type":"text","text":"The loom was mended; dyeing was broken off."}');
-- ses_child: before spring 2026, output included reasoning, and there was no total.
INSERT INTO message VALUES
 ('msg_11', 'ses_child', 1768478420000, 1768478420000, '{"role":"user","time":{"created":1768478420000}}'),
 ('msg_12', 'ses_child', 1768478420100, 1768478421100, '{"role":"assistant","modelID":"glow-5","providerID":"lumen","cost":0.004,"tokens":{"input":100,"output":50,"reasoning":20,"cache":{"read":10,"write":0}},"time":{"created":1768478420100,"completed":1768478421100},"finish":"stop"}');
INSERT INTO part VALUES
 ('prt_1101', 'msg_11', 'ses_child', 1768478420000, 1768478420000, '{"type":"text","text":"Count the threads.","synthetic":true}'),
 ('prt_1201', 'msg_12', 'ses_child', 1768478420500, 1768478420500, '{"type":"text","text":"Forty."}');
INSERT INTO todo VALUES ('ses_main', 'Dye the cloth', 'pending', 'high', 0, 1768478400000, 1768478400000);
INSERT INTO session_message VALUES
 ('evt_1', 'ses_main', 'agent-switched', 1768478399000, 1768478399000, '{"time":{"created":1768478399000},"agent":"build"}');
