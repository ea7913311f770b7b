// The workload by pgx: `main WORKLOAD URL CA`.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

type answer = map[string]any

type step struct {
	Name         string    `json:"name"`
	Do           string    `json:"do"`
	SQL          string    `json:"sql"`
	Params       []param   `json:"params"`
	Sets         [][]param `json:"sets"`
	TLS          bool      `json:"tls"`
	Password     string    `json:"password"`
	Outer        string    `json:"outer"`
	Inner        string    `json:"inner"`
	After        string    `json:"after"`
	Table        string    `json:"table"`
	Columns      []string  `json:"columns"`
	Types        []string  `json:"types"`
	Rows         [][]any   `json:"rows"`
	Data         string    `json:"data"`
	Query        string    `json:"query"`
	Channel      string    `json:"channel"`
	Payload      string    `json:"payload"`
	Size         int       `json:"size"`
	Repeat       string    `json:"repeat"`
	Times        int       `json:"times"`
	Watch        string    `json:"watch"`
	Milliseconds int       `json:"milliseconds"`
}

// A type's name and a value, which is nil, a string or a list of strings.
type param [2]any

type driver struct {
	ctx  context.Context
	url  string
	ca   string
	conn *pgx.Conn
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	must(err)
	var steps []step
	must(json.Unmarshal(text, &steps))
	d := &driver{ctx: context.Background(), url: os.Args[2], ca: os.Args[3]}
	d.conn, err = pgx.Connect(d.ctx, d.url+"&sslmode=disable")
	must(err)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, s := range steps {
		result, err := d.do(s)
		var refused *pgconn.PgError
		if errors.As(err, &refused) {
			result = answer{"error": refused.Code}
		} else {
			must(err)
		}
		result["step"] = s.Name
		must(out.Encode(result))
	}
	must(d.conn.Close(d.ctx))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func (d *driver) do(s step) (answer, error) {
	switch s.Do {
	case "login":
		return d.login(s)
	case "simple":
		_, err := d.conn.PgConn().Exec(d.ctx, s.SQL).ReadAll()
		return answer{"done": true}, err
	case "several":
		return d.several(s)
	case "query":
		return d.query(s.SQL, s.Params)
	case "execute":
		tag, err := d.conn.Exec(d.ctx, s.SQL, values(s.Params)...)
		return answer{"count": tag.RowsAffected()}, err
	case "prepared":
		return d.prepared(s)
	case "nested":
		return d.nested(s)
	case "batch":
		return d.batch(s)
	case "describe":
		return d.describe(s)
	case "copy_in", "copy_bad":
		sql := fmt.Sprintf("copy %s (%s) from stdin (format csv)", s.Table, strings.Join(s.Columns, ", "))
		tag, err := d.conn.PgConn().CopyFrom(d.ctx, strings.NewReader(s.Data), sql)
		return answer{"count": tag.RowsAffected()}, err
	case "copy_rows":
		count, err := d.conn.CopyFrom(d.ctx, pgx.Identifier{s.Table}, s.Columns, pgx.CopyFromRows(typedRows(s)))
		return answer{"count": count}, err
	case "copy_out":
		var out bytes.Buffer
		_, err := d.conn.PgConn().CopyTo(d.ctx, &out, fmt.Sprintf("copy (%s) to stdout (format csv)", s.Query))
		return answer{"text": out.String()}, err
	case "notify":
		return d.notify(s)
	case "sum":
		rows, err := d.conn.Query(d.ctx, s.SQL)
		if err != nil {
			return nil, err
		}
		return sum(rows)
	case "echo":
		sent, received := strings.Repeat(s.Repeat, s.Times), ""
		err := d.conn.QueryRow(d.ctx, s.SQL, sent).Scan(&received)
		return answer{"length": len(received), "same": received == sent}, err
	case "cancel":
		return d.cancel(s)
	case "timeout":
		if _, err := d.conn.Exec(d.ctx, fmt.Sprintf("set statement_timeout = %d", s.Milliseconds)); err != nil {
			return nil, err
		}
		result, err := d.query(s.SQL, nil)
		_, after := d.conn.Exec(d.ctx, "set statement_timeout = 0")
		return result, errors.Join(err, after)
	}
	return answer{"unsupported": true}, nil
}

func (d *driver) login(s step) (answer, error) {
	url := d.url
	if s.Password != "" {
		url = strings.Replace(url, ":secret@", ":"+s.Password+"@", 1)
	}
	if s.TLS {
		url += "&sslmode=verify-full&sslrootcert=" + d.ca
	} else {
		url += "&sslmode=disable"
	}
	conn, err := pgx.Connect(d.ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(d.ctx)
	var user string
	err = conn.QueryRow(d.ctx, "select current_user").Scan(&user)
	return answer{"rows": [][]any{{user}}}, err
}

func (d *driver) several(s step) (answer, error) {
	found, err := d.conn.PgConn().Exec(d.ctx, s.SQL).ReadAll()
	results := [][][]any{}
	for _, result := range found {
		rows := [][]any{}
		for _, row := range result.Rows {
			cells := []any{}
			for _, cell := range row {
				cells = append(cells, string(cell))
			}
			rows = append(rows, cells)
		}
		results = append(results, rows)
	}
	return answer{"results": results}, err
}

func (d *driver) query(sql string, params []param) (answer, error) {
	rows, err := d.conn.Query(d.ctx, sql, values(params)...)
	if err != nil {
		return nil, err
	}
	columns := []string{}
	for _, field := range rows.FieldDescriptions() {
		columns = append(columns, field.Name)
	}
	found, err := read(rows)
	if err == nil && len(found) == 0 {
		return answer{"rows": found}, nil
	}
	return answer{"columns": columns, "rows": found}, err
}

func (d *driver) prepared(s step) (answer, error) {
	if _, err := d.conn.Prepare(d.ctx, "w_prepared", s.SQL); err != nil {
		return nil, err
	}
	each := [][][]any{}
	for _, params := range s.Sets {
		rows, err := d.conn.Query(d.ctx, "w_prepared", values(params)...)
		if err != nil {
			return nil, err
		}
		found, err := read(rows)
		if err != nil {
			return nil, err
		}
		each = append(each, found)
	}
	return answer{"each": each}, d.conn.Deallocate(d.ctx, "w_prepared")
}

func (d *driver) nested(s step) (answer, error) {
	outer, err := d.conn.Begin(d.ctx)
	if err != nil {
		return nil, err
	}
	defer outer.Rollback(d.ctx)
	if _, err = outer.Exec(d.ctx, s.Outer); err != nil {
		return nil, err
	}
	inner, err := outer.Begin(d.ctx)
	if err != nil {
		return nil, err
	}
	if _, err = inner.Exec(d.ctx, s.Inner); err != nil {
		return nil, err
	}
	if err = inner.Rollback(d.ctx); err != nil {
		return nil, err
	}
	if _, err = outer.Exec(d.ctx, s.After); err != nil {
		return nil, err
	}
	return answer{"done": true}, outer.Commit(d.ctx)
}

func (d *driver) batch(s step) (answer, error) {
	batch := &pgx.Batch{}
	for _, params := range s.Sets {
		batch.Queue(s.SQL, values(params)...)
	}
	results := d.conn.SendBatch(d.ctx, batch)
	defer results.Close()
	count := int64(0)
	for range s.Sets {
		tag, err := results.Exec()
		if err != nil {
			return nil, err
		}
		count += tag.RowsAffected()
	}
	return answer{"count": count}, nil
}

func (d *driver) describe(s step) (answer, error) {
	found, err := d.conn.Prepare(d.ctx, "w_described", "select * from "+s.Table)
	if err != nil {
		return nil, err
	}
	types := [][]string{}
	for _, field := range found.Fields {
		kind, ok := d.conn.TypeMap().TypeForOID(field.DataTypeOID)
		if !ok {
			return nil, fmt.Errorf("type %d", field.DataTypeOID)
		}
		types = append(types, []string{field.Name, kind.Name})
	}
	return answer{"types": types}, d.conn.Deallocate(d.ctx, "w_described")
}

func (d *driver) notify(s step) (answer, error) {
	if _, err := d.conn.Exec(d.ctx, "listen "+s.Channel); err != nil {
		return nil, err
	}
	other, err := pgx.Connect(d.ctx, d.url+"&sslmode=disable")
	if err != nil {
		return nil, err
	}
	defer other.Close(d.ctx)
	if _, err = other.Exec(d.ctx, "select pg_notify($1, $2)", s.Channel, s.Payload); err != nil {
		return nil, err
	}
	heard, err := d.conn.WaitForNotification(d.ctx)
	if err != nil {
		return nil, err
	}
	_, err = d.conn.Exec(d.ctx, "unlisten "+s.Channel)
	return answer{"payload": heard.Payload}, err
}

func (d *driver) cancel(s step) (answer, error) {
	watched := make(chan error)
	go func() {
		watched <- func() error {
			other, err := pgx.Connect(d.ctx, d.url+"&sslmode=disable")
			if err != nil {
				return err
			}
			defer other.Close(d.ctx)
			for active := 0; active == 0; time.Sleep(10 * time.Millisecond) {
				if err = other.QueryRow(d.ctx, s.Watch, d.conn.PgConn().PID()).Scan(&active); err != nil {
					return err
				}
			}
			return d.conn.PgConn().CancelRequest(d.ctx)
		}()
	}()
	result, err := d.query(s.SQL, nil)
	must(<-watched)
	return result, err
}

func read(rows pgx.Rows) ([][]any, error) {
	defer rows.Close()
	found := [][]any{}
	for rows.Next() {
		row, err := rows.Values()
		if err != nil {
			return nil, err
		}
		for i, value := range row {
			row[i] = shown(value, rows.FieldDescriptions()[i].DataTypeOID)
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

func sum(rows pgx.Rows) (answer, error) {
	count, total := 0, int64(0)
	var id int32
	var name string
	_, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		count++
		total += int64(id)
		return nil
	})
	return answer{"count": count, "sum": strconv.FormatInt(total, 10)}, err
}
