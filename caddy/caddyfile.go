package caddy

import (
	"slices"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// unmarshalBlock parses the name of a module, which takes no arguments, and has
// option parse each option of its block.
func unmarshalBlock(d *caddyfile.Dispenser, option func(*caddyfile.Dispenser) error) error {
	d.Next() // consume name
	if d.NextArg() {
		return d.Errf("unexpected argument '%s': affinity takes its options in a block", d.Val())
	}
	for d.NextBlock(0) {
		if err := option(d); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalValue parses an option with one argument. The option may be given once.
func unmarshalValue(d *caddyfile.Dispenser, value *string) error {
	name := d.Val()
	if *value != "" {
		return d.Errf("%s already specified", name)
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	if *value = d.Val(); *value == "" {
		return d.Errf("%s must not be empty", name)
	}
	return unmarshalEnd(d, name)
}

// unmarshalValues parses an option with one or more arguments. The option may be
// given once, and no argument twice.
func unmarshalValues(d *caddyfile.Dispenser, values *[]string) error {
	name := d.Val()
	if *values != nil {
		return d.Errf("%s already specified", name)
	}
	for d.NextArg() {
		if d.Val() == "" {
			return d.Errf("%s must not be empty", name)
		}
		if slices.Contains(*values, d.Val()) {
			return d.Errf("%s '%s' already specified", name, d.Val())
		}
		*values = append(*values, d.Val())
	}
	if *values == nil {
		return d.ArgErr()
	}
	return unmarshalEnd(d, name)
}

// unmarshalNumber is unmarshalValue for a whole number.
func unmarshalNumber(d *caddyfile.Dispenser, number **int) error {
	name, value := d.Val(), ""
	if *number != nil {
		return d.Errf("%s already specified", name)
	}
	if err := unmarshalValue(d, &value); err != nil {
		return err
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		return d.Errf("%s '%s': not a whole number", name, value)
	}
	*number = &n
	return nil
}

// unmarshalDuration is unmarshalValue for a duration greater than 0.
func unmarshalDuration(d *caddyfile.Dispenser, duration *caddy.Duration) error {
	name, value := d.Val(), ""
	if *duration != 0 {
		return d.Errf("%s already specified", name)
	}
	if err := unmarshalValue(d, &value); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(value)
	if err != nil {
		return d.Errf("%s '%s': not a duration: %v", name, value, err)
	}
	if parsed <= 0 {
		return d.Errf("%s '%s': must be greater than 0", name, value)
	}
	*duration = caddy.Duration(parsed)
	return nil
}

// unmarshalDurationOrOff is unmarshalDuration for an option that also takes "off",
// which is a duration of 0.
func unmarshalDurationOrOff(d *caddyfile.Dispenser, duration **caddy.Duration) error {
	name, value := d.Val(), ""
	if *duration != nil {
		return d.Errf("%s already specified", name)
	}
	if err := unmarshalValue(d, &value); err != nil {
		return err
	}
	*duration = new(caddy.Duration)
	if value == "off" {
		return nil
	}
	parsed, err := caddy.ParseDuration(value)
	if err != nil {
		return d.Errf("%s '%s': not a duration or 'off': %v", name, value, err)
	}
	if parsed <= 0 {
		return d.Errf("%s '%s': must be greater than 0, or 'off'", name, value)
	}
	**duration = caddy.Duration(parsed)
	return nil
}

// unmarshalFlag parses an option without arguments. The option may be given once.
func unmarshalFlag(d *caddyfile.Dispenser, flag *bool) error {
	name := d.Val()
	if *flag {
		return d.Errf("%s already specified", name)
	}
	*flag = true
	return unmarshalEnd(d, name)
}

// unmarshalEnd returns an error if anything follows the last argument of an
// option.
func unmarshalEnd(d *caddyfile.Dispenser, name string) error {
	if d.NextArg() {
		return d.Errf("unexpected argument '%s' for %s", d.Val(), name)
	}
	if d.NextBlock(d.Nesting()) {
		return d.Errf("unexpected block for %s, starting with '%s'", name, d.Val())
	}
	return nil
}
