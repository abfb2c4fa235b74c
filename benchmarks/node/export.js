// The design that this project replaces: rows through pg-query-stream, JSON.stringify for each, a write for each.
const { createWriteStream } = require('fs')
const { once } = require('events')
const { Client } = require('pg')
const QueryStream = require('pg-query-stream')

async function main([url, path]) {
  const client = new Client({ connectionString: url })
  await client.connect()
  const rows = client.query(new QueryStream('SELECT * FROM readings ORDER BY id', [], { batchSize: 1000 }))
  const file = createWriteStream(path)
  file.write('[\n')
  let separator = ''
  for await (const row of rows) {
    if (!file.write(separator + JSON.stringify(row))) await once(file, 'drain')
    separator = ',\n'
  }
  file.end('\n]\n')
  await once(file, 'finish')
  await client.end()
}

main(process.argv.slice(2))
