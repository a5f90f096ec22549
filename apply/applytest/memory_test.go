package applytest_test

import (
	"testing"

	"github.com/pgsluice/pgsluice/apply/applytest"
	"github.com/pgsluice/pgsluice/change"
	"github.com/pgsluice/pgsluice/typemap"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	keepsTheContract(t, func(m *applytest.Memory) applytest.Warehouse { return m })
}

func TestMemoryWithTransactionsKeepsTheContract(t *testing.T) {
	keepsTheContract(t, func(m *applytest.Memory) applytest.Warehouse { return &applytest.Transactions{Memory: m} })
}

func keepsTheContract(t *testing.T, warehouse func(*applytest.Memory) applytest.Warehouse) {
	numeric := &change.Type{OID: 1700, Schema: "pg_catalog", Name: "numeric", Kind: change.KindBase, Modifier: 5<<16 | 2 + 4}
	applytest.Run(t, applytest.Subject{
		Unwished: true,
		Refused:  numeric, RefusedText: "NaN",
		New: func(*testing.T) applytest.Warehouse {
			return warehouse(&applytest.Memory{
				Print: func(t *change.Type, d change.Datum) string {
					text, err := typemap.Resolve(t).AppendText(nil, d)
					if err != nil {
						return err.Error()
					}
					return string(text)
				},
				Refuse: func(_ *change.Column, d change.Datum) string {
					if string(d.Bytes) == "NaN" {
						return "NaN"
					}
					return ""
				},
			})
		},
	})
}
