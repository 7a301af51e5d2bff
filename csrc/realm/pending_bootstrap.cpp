#include "realm/pending_bootstrap.hpp"

#include <string>

#include "base/error.hpp"

namespace realmsync::realm::pending_bootstrap {

void create(sqlite::Database& db) {
    db.exec("CREATE TABLE IF NOT EXISTS rs_bootstrap("
            "part INTEGER PRIMARY KEY, query_version INTEGER NOT NULL, is_last INTEGER NOT NULL,"
            "latest_version INTEGER NOT NULL, latest_salt INTEGER NOT NULL,"
            "download_server INTEGER NOT NULL, download_client INTEGER NOT NULL,"
            "upload_client INTEGER NOT NULL, upload_server INTEGER NOT NULL,"
            "estimate INTEGER NOT NULL, bytes INTEGER NOT NULL,"
            "compressed INTEGER NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL) STRICT");
}

void drop(sqlite::Database& db) { db.exec("DROP TABLE rs_bootstrap"); }

Stored find(sqlite::Database& db) {
    auto row = db.query("SELECT count(*), coalesce(sum(bytes), 0), coalesce(max(query_version), 0),"
                        " coalesce(max(is_last), 0) FROM rs_bootstrap");
    row.step();
    return {static_cast<std::uint32_t>(row->integer(0)), row->unsigned_integer(1), row->integer(2),
            row->integer(3) != 0};
}

void add(sqlite::Database& db, const client::ReceivedDownload& d, std::uint64_t bytes) {
    const client::BootstrapPart& part = *d.bootstrap;
    if (part.number == 0)
        clear(db);
    const Stored stored = find(db);
    if (stored.is_whole || stored.parts != part.number ||
        (part.number != 0 && stored.query_version != part.query_version))
        raise(ErrorKind::bad_progress, "a part of a bootstrap is missing");
    const wire::SyncProgress& p = d.progress;
    db.run("INSERT INTO rs_bootstrap VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", part.number,
           part.query_version, part.is_last ? 1 : 0, p.latest.version, p.latest.salt,
           p.download.server_version, p.download.client_version, p.upload.client_version,
           p.upload.server_version, d.downloadable_bytes, bytes, d.compressed ? 1 : 0,
           d.uncompressed_size, sqlite::Blob{*d.body_bytes});
}

client::ReceivedDownload read(sqlite::Database& db, std::uint32_t number) {
    auto row = db.query("SELECT query_version, is_last, latest_version, latest_salt, "
                        "download_server, download_client, upload_client, upload_server, "
                        "estimate, compressed, size, body FROM rs_bootstrap WHERE part = ?",
                        number);
    if (!row.step())
        corrupt("a realm file has lost a part of a bootstrap");
    client::ReceivedDownload d;
    d.mode = wire::Mode::flexible;
    d.bootstrap = client::BootstrapPart{row->integer(0), number, row->integer(1) != 0};
    d.progress.latest = {row->unsigned_integer(2), row->integer(3)};
    d.progress.download = {row->unsigned_integer(4), row->unsigned_integer(5)};
    d.progress.upload = {row->unsigned_integer(6), row->unsigned_integer(7)};
    d.downloadable_bytes = row->unsigned_integer(8);
    d.compressed = row->integer(9) != 0;
    d.uncompressed_size = row->unsigned_integer(10);
    d.body_bytes = std::make_shared<const std::string>(row->text(11));
    return d;
}

void clear(sqlite::Database& db) { db.exec("DELETE FROM rs_bootstrap"); }

} // namespace realmsync::realm::pending_bootstrap
