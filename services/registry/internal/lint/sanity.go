package lint

import (
	"regexp"
	"strconv"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// sanityRules are about keywords that limit values, and contradict themselves.
var sanityRules = []rule{
	negative("MaxItemsMustBeGreaterThanOrEqualToZero", func(s *schema) *document.Node { return s.maxItems }),
	negative("MaxLengthMustBeGreaterThanOrEqualToZero", func(s *schema) *document.Node { return s.maxLength }),
	negative("MaxPropertiesMustBeGreaterThanOrEqualToZero", func(s *schema) *document.Node { return s.maxProperties }),
	negative("MinItemsMustBeGreaterThanOrEqualToZero", func(s *schema) *document.Node { return s.minItems }),
	negative("MinLengthMustBeGreaterThanOrEqualToZero", func(s *schema) *document.Node { return s.minLength }),
	negative("MinPropertiesMustBeGreaterThanOrEqualToZero", func(s *schema) *document.Node { return s.minProperties }),
	reversed("MinimumShouldBeLessThanOrEqualToMaximum", func(s *schema) (low, high *document.Node) { return s.minimum, s.maximum }),
	reversed("MinItemsShouldBeLessThanOrEqualToMaxItems", func(s *schema) (low, high *document.Node) { return s.minItems, s.maxItems }),
	reversed("MinLengthShouldBeLessThanOrEqualToMaxLength", func(s *schema) (low, high *document.Node) { return s.minLength, s.maxLength }),
	reversed("MinPropertiesShouldBeLessThanOrEqualToMaxProperties",
		func(s *schema) (low, high *document.Node) { return s.minProperties, s.maxProperties }),
	{
		"MultipleOfMustBeGreaterThanZero", fails,
		"\"multipleOf\" is %s", "write a number above zero", onSchema(func(s *schema, hit report) {
			if v, ok := number(s.multipleOf); ok && v <= 0 {
				hit(s.multipleOf, s.multipleOf.Text())
			}
		}),
	},
	{
		"ExclusiveMaximumRequiresMaximum", fails,
		"\"exclusiveMaximum\" stands without \"maximum\"", "add \"maximum\", or remove it", onSchema(func(s *schema, hit report) {
			if s.belowMax != nil && s.maximum == nil {
				hit(s.belowMax)
			}
		}),
	},
	{
		"ExclusiveMinimumRequiresMinimum", fails,
		"\"exclusiveMinimum\" stands without \"minimum\"", "add \"minimum\", or remove it", onSchema(func(s *schema, hit report) {
			if s.aboveMinimum != nil && s.minimum == nil {
				hit(s.aboveMinimum)
			}
		}),
	},
	{
		"PatternShouldBeValidRegularExpression", warns,
		"the pattern %q is no regular expression", "repair it", onSchema(badPattern),
	},
	{
		"DiscriminatorMustBeARequiredStringProperty", fails,
		"the discriminator is not the name of a required property of type string", "require a string property of that name",
		onSchema(badDiscriminator),
	},
}

func number(n *document.Node) (float64, bool) {
	if !n.Is(document.Number) {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Text(), 64)
	return v, err == nil
}

func negative(name string, of func(*schema) *document.Node) rule {
	return rule{name, fails, "%q is %s", "write a number that is not below zero", onSchema(func(s *schema, hit report) {
		if n := of(s); n != nil {
			if v, ok := number(n); ok && v < 0 {
				hit(n, n.Key(), n.Text())
			}
		}
	})}
}

func reversed(name string, of func(*schema) (low, high *document.Node)) rule {
	return rule{name, warns, "%q is above %q", "exchange them", onSchema(func(s *schema, hit report) {
		low, high := of(s)
		if low == nil || high == nil {
			return
		}
		least, ok := number(low)
		most, also := number(high)
		if ok && also && least > most {
			hit(low, low.Key(), high.Key())
		}
	})}
}

// maxPattern bounds the patterns that are looked at, in bytes.
const maxPattern = 1000

// lookaround are the parts of patterns that our engine does not have and that are
// right nevertheless.
var lookaround = regexp.MustCompile(`\(\?(?:[=!:>]|<[=!a-zA-Z])|\\[1-9kuxcpP]|\{[0-9,]{4,}\}|[*+?}][+]`)

func badPattern(s *schema, hit report) {
	if !s.pattern.Is(document.String) || len(s.pattern.Text()) > maxPattern {
		return
	}
	text := s.pattern.Text()
	if _, err := regexp.Compile(text); err != nil && !lookaround.MatchString(text) {
		hit(s.pattern, cut(text, 60))
	}
}

func badDiscriminator(s *schema, hit report) {
	if !s.discriminator.Is(document.String) {
		return
	}
	name := s.discriminator.Text()
	if p := s.doc.property(s.node, name); s.doc.typeOf(p) != "string" || !requires(s.requires, name) {
		hit(s.discriminator)
	}
}
