package caddy

import "github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

// unmarshalBlock reads the name of the handler or the policy, which has no
// arguments, and each option of its block.
func unmarshalBlock(d *caddyfile.Dispenser, option func(*caddyfile.Dispenser) error) error {
	d.Next() // consume name
	if d.NextArg() {
		return d.Errf("unexpected argument '%s': affinity has its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		if err := option(d); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalValue reads the one argument of an option that may be given once.
func unmarshalValue(d *caddyfile.Dispenser, value *string) error {
	name := d.Val()
	if *value != "" {
		return d.Errf("%s already specified", name)
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	if *value = d.Val(); *value == "" {
		return d.Errf("%s is empty", name)
	}
	if d.NextArg() {
		return d.Errf("unexpected argument '%s' of %s", d.Val(), name)
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("unexpected block of %s, with '%s'", name, d.Val())
	}
	return nil
}
