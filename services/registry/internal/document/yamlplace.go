package document

import "unicode/utf8"

// yamlPlaces turns the general parser's lines and columns into offsets. Its lines
// also end at characters that are no line ends to anybody else.
type yamlPlaces struct {
	lines  *lineTable
	source string
	starts []int

	// line, column and at are the place that was asked for last: most questions
	// are about the same line further on, and a line may be the whole file.
	line, column, at int
}

// offset returns the byte at a line and column, both starting at 1.
func (p *yamlPlaces) offset(line, column int) int {
	if p.starts == nil {
		p.build()
	}
	line = min(max(line, 1), len(p.starts))
	if line != p.line || column < p.column {
		p.line, p.column, p.at = line, 1, p.starts[line-1]
	}
	if column-p.column > runesEvery {
		p.at, p.column = p.lines.skip(p.at, column-p.column), column
	}
	for p.column < column && p.at < len(p.source) {
		_, size := utf8.DecodeRuneInString(p.source[p.at:])
		p.at += size
		p.column++
	}
	return p.at
}

func (p *yamlPlaces) build() {
	p.starts = append(p.starts, 0)
	for i := 0; i < len(p.source); i++ {
		switch p.source[i] {
		case '\r':
			if i+1 < len(p.source) && p.source[i+1] == '\n' {
				i++
			}
		case '\n':
		case 0xc2: // U+0085
			if i+1 >= len(p.source) || p.source[i+1] != 0x85 {
				continue
			}
			i++
		case 0xe2: // U+2028, U+2029
			if i+2 >= len(p.source) || p.source[i+1] != 0x80 || p.source[i+2]&^1 != 0xa8 {
				continue
			}
			i += 2
		default:
			continue
		}
		p.starts = append(p.starts, i+1)
	}
}
