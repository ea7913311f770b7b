package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

const (
	dateLayout      = "2006-01-02"
	timestampLayout = "2006-01-02T15:04:05.000"
)

func values(params []param) []any {
	found := []any{}
	for _, each := range params {
		found = append(found, parsed(each[0].(string), each[1]))
	}
	return found
}

func typedRows(s step) [][]any {
	rows := [][]any{}
	for _, row := range s.Rows {
		found := []any{}
		for i, value := range row {
			found = append(found, parsed(s.Types[i], value))
		}
		rows = append(rows, found)
	}
	return rows
}

// A value of the workload as Go's.
func parsed(kind string, value any) any {
	if value == nil {
		return nil
	}
	if element, ok := strings.CutSuffix(kind, "[]"); ok {
		return parsedArray(element, value.([]any))
	}
	text := value.(string)
	switch kind {
	case "int4", "int8":
		number, err := strconv.ParseInt(text, 10, 64)
		must(err)
		return number
	case "float8":
		number, err := strconv.ParseFloat(text, 64)
		must(err)
		return number
	case "numeric":
		var number pgtype.Numeric
		must(number.Scan(text))
		return number
	case "bool":
		return text == "true"
	case "bytea":
		data, err := hex.DecodeString(text)
		must(err)
		return data
	case "date":
		return parsedTime(dateLayout, text)
	case "timestamp":
		return parsedTime(timestampLayout, text)
	case "timestamptz":
		return parsedTime(time.RFC3339Nano, text)
	case "json":
		var document any
		must(json.Unmarshal([]byte(text), &document))
		return document
	}
	return text
}

func parsedArray(element string, values []any) any {
	if element == "int4" {
		numbers := []int32{}
		for _, each := range values {
			numbers = append(numbers, int32(parsed(element, each).(int64)))
		}
		return numbers
	}
	texts := []string{}
	for _, each := range values {
		texts = append(texts, each.(string))
	}
	return texts
}

func parsedTime(layout, text string) time.Time {
	found, err := time.Parse(layout, text)
	must(err)
	return found
}

// A value that pgx has read, as the workload writes it.
func shown(value any, oid uint32) any {
	switch value := value.(type) {
	case nil:
		return nil
	case []byte:
		return hex.EncodeToString(value)
	case [16]byte:
		return fmt.Sprintf("%x-%x-%x-%x-%x", value[:4], value[4:6], value[6:8], value[8:10], value[10:])
	case pgtype.Numeric:
		digits, err := value.Value()
		must(err)
		return digits
	case time.Time:
		switch oid {
		case pgtype.DateOID:
			return value.Format(dateLayout)
		case pgtype.TimestampOID:
			return value.Format(timestampLayout)
		}
		return value.UTC().Format(timestampLayout) + "Z"
	case map[string]any:
		var text strings.Builder
		out := json.NewEncoder(&text)
		out.SetEscapeHTML(false)
		must(out.Encode(value))
		return strings.TrimSpace(text.String())
	case []any:
		found := []any{}
		for _, each := range value {
			found = append(found, shown(each, 0))
		}
		return found
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}
