-- The rules of dispatch and shelters are kept as the others are when they come into force.
ALTER TABLE rule_book DROP CONSTRAINT rule_book_kind_check;
ALTER TABLE rule_book ADD CONSTRAINT rule_book_kind_check CHECK (kind IN ('policy', 'roster', 'users', 'dispatch', 'shelters'));
COMMENT ON TABLE rule_book IS 'Each rule file that came into force, as it stood, and when';
