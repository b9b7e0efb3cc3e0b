package caddy

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// provisionSecrets returns the secrets of the policy, that of new tags first, with
// their placeholders replaced. Its errors do not contain a secret.
func (a *AffinitySelection) provisionSecrets() ([]string, error) {
	if a.Secret == "" && len(a.AcceptedSecrets) > 0 {
		return nil, fmt.Errorf("accepted_secrets: requires secret")
	}
	repl := caddy.NewReplacer()
	secrets, err := replaceSecret(repl, nil, "secret", a.Secret)
	if err != nil {
		return nil, err
	}
	for i, accepted := range a.AcceptedSecrets {
		if accepted == "" {
			return nil, fmt.Errorf("accepted_secrets[%d]: must not be empty", i)
		}
		if secrets, err = replaceSecret(repl, secrets, fmt.Sprintf("accepted_secrets[%d]", i), accepted); err != nil {
			return nil, err
		}
	}
	return secrets, nil
}

// replaceSecret appends the value of an option to secrets, with its placeholders
// replaced.
func replaceSecret(repl *caddy.Replacer, secrets []string, option, value string) ([]string, error) {
	secret, err := repl.ReplaceOrErr(value, true, true)
	if err != nil {
		return nil, fmt.Errorf("replacing placeholders in %s: %w", option, err)
	}
	if slices.Contains(secrets, secret) {
		return nil, fmt.Errorf("%s: is the same as a secret before it", option)
	}
	return append(secrets, secret), nil
}

// unmarshalSecrets parses the secret option: the secret of new tags, and then any
// number of others that are accepted.
func (a *AffinitySelection) unmarshalSecrets(d *caddyfile.Dispenser) error {
	name := d.Val()
	if a.Secret != "" {
		return d.Errf("%s already specified", name)
	}
	secrets := d.RemainingArgs()
	if len(secrets) == 0 {
		return d.ArgErr()
	}
	if slices.Contains(secrets, "") {
		return d.Errf("%s must not be empty", name)
	}
	a.Secret, a.AcceptedSecrets = secrets[0], secrets[1:]
	return unmarshalEnd(d, name)
}
