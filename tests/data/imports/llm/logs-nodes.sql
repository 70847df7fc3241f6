-- llm, the other form of its message store: message_nodes name a parent and a message, which holds its parts as JSON.
CREATE TABLE [threads] ([id] TEXT PRIMARY KEY, [name] TEXT, [datetime_utc] TEXT);
CREATE TABLE [turns] ([id] TEXT PRIMARY KEY, [thread_id] TEXT, [input_node_id] TEXT, [output_node_id] TEXT, [model] TEXT, [input_tokens] INTEGER, [output_tokens] INTEGER, [datetime_utc] TEXT);
CREATE TABLE [messages] ([id] TEXT PRIMARY KEY, [role] TEXT, [parts] TEXT, [provider_metadata] TEXT, [first_seen_utc] TEXT);
CREATE TABLE [message_nodes] ([id] TEXT PRIMARY KEY, [parent_id] TEXT, [message_id] TEXT, [depth] INTEGER, [first_seen_utc] TEXT);

INSERT INTO threads VALUES ('01ddd', 'Nodes', '2026-03-01T10:00:00');
INSERT INTO messages VALUES
 ('m1', 'user', '[{"role":"user","type":"text","text":"Hello?"}]', NULL, '2026-03-01T10:00:00'),
 ('m2', 'assistant', '[{"role":"assistant","type":"text","text":"Hello."}]', NULL, '2026-03-01T10:00:00');
INSERT INTO message_nodes VALUES ('n1', NULL, 'm1', 1, ''), ('n2', 'n1', 'm2', 2, '');
INSERT INTO turns VALUES ('01e01', '01ddd', 'n1', 'n2', 'glow-5', 8, 2, '2026-03-01T10:00:01');
