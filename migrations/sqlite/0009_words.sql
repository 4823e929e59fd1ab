-- The audit trail says "created", as everything else does.
UPDATE audit SET action = 'created' WHERE action = 'made';
