-- llm before its message store: conversations, responses and what belongs to them (migrations to m021, and `reasoning`).
CREATE TABLE [_llm_migrations] ([name] TEXT PRIMARY KEY, [applied_at] TEXT);
CREATE TABLE [conversations] ([id] TEXT PRIMARY KEY, [name] TEXT, [model] TEXT);
CREATE TABLE [responses] ([id] TEXT PRIMARY KEY, [model] TEXT, [prompt] TEXT, [system] TEXT, [prompt_json] TEXT, [options_json] TEXT, [response] TEXT, [response_json] TEXT, [conversation_id] TEXT REFERENCES [conversations]([id]), [duration_ms] INTEGER, [datetime_utc] TEXT, [input_tokens] INTEGER, [output_tokens] INTEGER, [token_details] TEXT, [schema_id] TEXT, [resolved_model] TEXT, [reasoning] TEXT);
CREATE TABLE [attachments] ([id] TEXT PRIMARY KEY, [type] TEXT, [path] TEXT, [url] TEXT, [content] BLOB);
CREATE TABLE [prompt_attachments] ([response_id] TEXT, [attachment_id] TEXT, [order] INTEGER, PRIMARY KEY ([response_id], [attachment_id]));
CREATE TABLE [fragments] ([id] INTEGER PRIMARY KEY, [hash] TEXT, [content] TEXT, [datetime_utc] TEXT, [source] TEXT);
CREATE TABLE [prompt_fragments] ([response_id] TEXT, [fragment_id] INTEGER, [order] INTEGER, PRIMARY KEY ([response_id], [fragment_id], [order]));
CREATE TABLE [system_fragments] ([response_id] TEXT, [fragment_id] INTEGER, [order] INTEGER, PRIMARY KEY ([response_id], [fragment_id], [order]));
CREATE TABLE [tool_calls] ([id] INTEGER PRIMARY KEY, [response_id] TEXT, [tool_id] INTEGER, [name] TEXT, [arguments] TEXT, [tool_call_id] TEXT);
CREATE TABLE [tool_results] ([id] INTEGER PRIMARY KEY, [response_id] TEXT, [tool_id] INTEGER, [name] TEXT, [output] TEXT, [tool_call_id] TEXT, [instance_id] INTEGER, [exception] TEXT);
CREATE TABLE [logs] ([id] INTEGER PRIMARY KEY, [model] TEXT, [prompt] TEXT, [system] TEXT, [prompt_json] TEXT, [options_json] TEXT, [response] TEXT, [response_json] TEXT, [reply_to_id] INTEGER, [chat_id] INTEGER, [duration_ms] INTEGER, [datetime_utc] TEXT);

INSERT INTO conversations VALUES ('01aaa', 'Tides', 'glow-5');
INSERT INTO fragments VALUES (1, 'h1', 'The moon pulls.', '2025-05-01T10:00:00', 'moon.txt');
INSERT INTO responses (id, model, prompt, system, response, response_json, conversation_id, duration_ms, datetime_utc, input_tokens, output_tokens, token_details, resolved_model) VALUES
 ('01b01', 'glow-5', 'Why tides?', 'Be brief.', '', '{"finish_reason":"tool_calls","usage":{}}', '01aaa', 900, '2025-05-01T10:00:01.5', 120, 40, '{"prompt_tokens_details":{"cached_tokens":100},"completion_tokens_details":{"reasoning_tokens":30}}', 'glow-5-2025'),
 ('01b02', 'claude-glow', '', NULL, 'The moon.', NULL, '01aaa', 700, '2025-05-01T10:00:03', 10, 5, '{"cache_creation_input_tokens":7,"cache_read_input_tokens":80}', NULL),
 ('01b03', 'glow-5', 'Alone?', NULL, 'Yes.', NULL, NULL, 5, 'not a time', NULL, NULL, NULL, NULL);
INSERT INTO prompt_fragments VALUES ('01b01', 1, 0);
INSERT INTO system_fragments VALUES ('01b01', 9, 0);
INSERT INTO attachments VALUES ('att1', 'image/png', NULL, NULL, x'89504e47ff');
INSERT INTO prompt_attachments VALUES ('01b01', 'att1', 0);
INSERT INTO tool_calls VALUES (1, '01b01', 1, 'almanac', '{"day":3}', 'call_1');
INSERT INTO tool_results VALUES (1, '01b02', 1, 'almanac', 'high at noon', 'call_1', NULL, NULL), (2, '01b02', 1, 'radar', '', 'call_2', NULL, 'TimeoutError: slow');
INSERT INTO logs VALUES
 (1, 'ada', 'First?', NULL, NULL, NULL, 'First.', NULL, NULL, NULL, 12, '2023-07-01 09:00:00'),
 (2, 'ada', 'And then?', NULL, NULL, NULL, 'Second.', NULL, 1, 1, 13, '2023-07-01 09:01:00');
