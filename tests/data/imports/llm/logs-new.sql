-- llm with its message store (migrations m023 and later): threads, turns, messages, parts; the older tables are history.
CREATE TABLE [_llm_migrations] ([name] TEXT PRIMARY KEY, [applied_at] TEXT);
CREATE TABLE [conversations] ([id] TEXT PRIMARY KEY, [name] TEXT, [model] TEXT);
CREATE TABLE [responses] ([id] TEXT PRIMARY KEY, [model] TEXT, [prompt] TEXT, [system] TEXT, [prompt_json] TEXT, [options_json] TEXT, [response] TEXT, [response_json] TEXT, [conversation_id] TEXT, [duration_ms] INTEGER, [datetime_utc] TEXT, [input_tokens] INTEGER, [output_tokens] INTEGER, [token_details] TEXT);
CREATE TABLE [fragments] ([id] INTEGER PRIMARY KEY, [hash] TEXT, [content] TEXT, [datetime_utc] TEXT, [source] TEXT);
CREATE TABLE [messages] ([hash] TEXT PRIMARY KEY, [parent_hash] TEXT, [role] TEXT, [provider_metadata] TEXT);
CREATE INDEX [idx_messages_parent_hash] ON [messages] ([parent_hash]);
CREATE TABLE [parts] ([id] INTEGER PRIMARY KEY, [message_hash] TEXT, [position] INTEGER, [type] TEXT, [tool_name] TEXT, [text] TEXT, [payload] TEXT);
CREATE UNIQUE INDEX [idx_parts_message_hash_position] ON [parts] ([message_hash], [position]);
CREATE TABLE [threads] ([id] TEXT PRIMARY KEY, [name] TEXT, [tip_message_hash] TEXT, [forked_from] TEXT, [datetime_utc] TEXT);
CREATE TABLE [turns] ([id] TEXT PRIMARY KEY, [thread_id] TEXT, [parent_message_hash] TEXT, [tip_message_hash] TEXT, [model] TEXT, [resolved_model] TEXT, [options_json] TEXT, [schema_id] TEXT, [input_tokens] INTEGER, [output_tokens] INTEGER, [token_details] TEXT, [duration_ms] INTEGER, [datetime_utc] TEXT, [response_json] TEXT);
CREATE INDEX [idx_turns_thread_id] ON [turns] ([thread_id]);

INSERT INTO conversations VALUES ('01aaa', 'Tides', 'glow-5');
INSERT INTO responses (id, model, prompt, response, conversation_id, datetime_utc, input_tokens, output_tokens) VALUES
 ('01b00', 'glow-4', 'Older?', 'Older.', '01aaa', '2025-05-01T09:00:00', 3, 2),
 ('01b01', 'glow-5', 'Why tides?', 'The moon.', '01aaa', '2026-05-01T10:00:00', 100, 20);
INSERT INTO fragments VALUES (1, 'h1', 'The moon pulls.', '2025-05-01T10:00:00', 'moon.txt');
INSERT INTO messages VALUES
 ('b2:s', NULL, 'system', NULL),
 ('b2:u1', 'b2:s', 'user', NULL),
 ('b2:a1', 'b2:u1', 'assistant', '{"id":"resp_1"}'),
 ('b2:t1', 'b2:a1', 'tool', NULL),
 ('b2:a2', 'b2:t1', 'assistant', NULL),
 ('b2:u2', 'b2:a2', 'user', NULL),
 ('b2:a3', 'b2:u2', 'assistant', NULL),
 ('b2:u9', 'b2:a2', 'user', NULL),
 ('b2:a9', 'b2:u9', 'assistant', NULL);
INSERT INTO parts (message_hash, position, type, tool_name, text, payload) VALUES
 ('b2:s', 0, 'text', NULL, 'Be brief.', NULL),
 ('b2:u1', 0, 'text', NULL, NULL, '{"text_ref":[{"literal":"Read: "},{"fragment":1},{"literal":" Why tides?"}]}'),
 ('b2:u1', 1, 'attachment', NULL, NULL, '{"attachment":{"id":"att1"}}'),
 ('b2:a1', 0, 'reasoning', NULL, 'An almanac may know.', NULL),
 ('b2:a1', 1, 'tool_call', 'almanac', NULL, '{"name":"almanac","arguments":{"day":3},"tool_call_id":"call_1"}'),
 ('b2:t1', 0, 'tool_result', 'almanac', NULL, '{"name":"almanac","output":"high at noon","tool_call_id":"call_1"}'),
 ('b2:a2', 0, 'text', NULL, 'The moon.', NULL),
 ('b2:u2', 0, 'text', NULL, 'Thanks.', NULL),
 ('b2:a3', 0, 'text', NULL, 'Gladly.', NULL),
 ('b2:u9', 0, 'text', NULL, 'And the sun?', NULL),
 ('b2:a9', 0, 'text', NULL, 'A little.', NULL);
INSERT INTO threads VALUES
 ('01aaa', 'Tides', 'b2:a3', NULL, '2026-05-01 10:00:00+00:00'),
 ('01ccc', 'The sun', 'b2:a9', '01aaa', '2026-05-02 10:00:00+00:00');
INSERT INTO turns (id, thread_id, parent_message_hash, tip_message_hash, model, resolved_model, input_tokens, output_tokens, token_details, duration_ms, datetime_utc, response_json) VALUES
 ('01b01', '01aaa', 'b2:u1', 'b2:a1', 'glow-5', 'glow-5-2026', 100, 20, '{"completion_tokens_details":{"reasoning_tokens":15}}', 800, '2026-05-01T10:00:00', '{"finish_reason":"tool_calls"}'),
 ('01b02', '01aaa', 'b2:t1', 'b2:a2', 'glow-5', NULL, 130, 5, NULL, 300, '2026-05-01T10:00:05', NULL),
 ('01b03', '01aaa', 'b2:u2', 'b2:a3', 'glow-5', NULL, 140, 4, NULL, 200, '2026-05-01T10:01:00', NULL),
 ('01b09', '01ccc', 'b2:u9', 'b2:a9', 'glow-5', NULL, 138, 6, NULL, 210, '2026-05-02T10:00:00', NULL);
