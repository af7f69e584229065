// Parse and bind KQL against tables and columns, with Microsoft's own language service.
//
//   node check.mjs < queries.json
//
// queries.json: {"tables": {table: {column: type}}, "queries": {name: text}}
// Answer:       {name: {"errors": ["line 3: ..."], "columns": ["Id", ...]}}
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
// Two plain scripts that hang their names on the global object; the order matters.
require('@kusto/language-service-next/bridge.js');
require('@kusto/language-service-next/Kusto.Language.Bridge.js');
const { KustoCode, GlobalState, Symbols } = globalThis.Kusto.Language;

const TYPES = {
  string: 'String', datetime: 'DateTime', long: 'Long', int: 'Int', real: 'Real', bool: 'Bool', dynamic: 'Dynamic',
};

function* items(sequence) {
  const cursor = Bridge.getEnumerator(sequence);
  while (cursor.moveNext()) yield cursor.Current;
}

function listOf(type, values) {
  const list = new (System.Collections.Generic.List$1(type).ctor)();
  for (const value of values) list.add(value);
  return list;
}

function workspace(tables) {
  const made = Object.entries(tables).map(([name, columns]) => new Symbols.TableSymbol.$ctor4(
    name,
    Object.entries(columns).map(([column, type]) => new Symbols.ColumnSymbol(column, Symbols.ScalarTypes[TYPES[type]])),
  ));
  const database = new Symbols.DatabaseSymbol.$ctor1('workspace', listOf(Symbols.Symbol, made), false);
  const cluster = new Symbols.ClusterSymbol.$ctor1('cluster', listOf(Symbols.DatabaseSymbol, [database]), false);
  return GlobalState.Default.WithCluster(cluster).WithDatabase(database);
}

const asked = JSON.parse(readFileSync(0, 'utf8'));
const globals = workspace(asked.tables);
const answer = {};
for (const [name, text] of Object.entries(asked.queries)) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const errors = [...items(code.GetDiagnostics())]
    .filter((d) => String(d.Severity).toLowerCase() === 'error')
    .map((d) => `line ${text.slice(0, d.Start).split('\n').length}: ${d.Message}`);
  const columns = code.ResultType?.Columns ? [...items(code.ResultType.Columns)].map((c) => c.Name) : [];
  answer[name] = { errors, columns };
}
console.log(JSON.stringify(answer));
