// The server's partition database on plain tuples, for tests and measurements; the server itself
// reaches it through the runtime.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>

#include "bindings/testbed/bind.hpp"
#include "bindings/values/durability.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/profile.hpp"
#include "bindings/values/without_gil.hpp"
#include "changeset/codec.hpp"
#include "partitions/partition_db.hpp"
#include "partitions/sqlite_history.hpp"
#include "runtime/machine.hpp"
#include "wire/body.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

using Pair = std::pair<std::uint64_t, std::uint64_t>;
using Salted = std::pair<std::uint64_t, std::int64_t>;
using UploadTuple =
    std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t, py::bytes>;

py::object refused(const server::Refusal& refusal) {
    return py::make_tuple(static_cast<int>(refusal.code), refusal.message);
}

template <class T> T taken(const std::variant<T, server::Refusal>& result) {
    if (const auto* refusal = std::get_if<server::Refusal>(&result))
        throw py::value_error(refusal->message);
    return std::get<T>(result);
}

// One at a time, as a server's writer thread would; close() gives the directory free.
class Partitions {
  public:
    Partitions(const std::string& directory, const std::string& level,
               std::optional<std::size_t> tail_bytes, std::optional<std::size_t> cache_bytes,
               const std::string& merge_profile, std::optional<std::uint64_t> work,
               const std::array<std::uint64_t, 3>& quotas,
               std::optional<std::size_t> page_cache_bytes)
        : work_(work.value_or(Work::kUnlimited)) {
        StoreTuning tuning;
        tuning.tail_bytes = tail_bytes.value_or(tuning.tail_bytes);
        tuning.cache_bytes = cache_bytes.value_or(tuning.cache_bytes);
        tuning.page_cache_bytes = page_cache_bytes.value_or(tuning.page_cache_bytes);
        tuning.partitions_per_user = quotas[0];
        tuning.files_per_user = quotas[1];
        tuning.bytes_per_user = quotas[2];
        const sqlite::Durability wanted = to_durability(level);
        const merge::Profile profile = to_profile(merge_profile);
        WithoutGil release;
        db_ = std::make_unique<partitions::PartitionDb>(
            partitions::SqliteHistory::in_directory(directory, wanted, tuning),
            partitions::ClockAndChance{runtime::unix_ms, runtime::random_bits}, tuning, profile);
    }

    partitions::PartitionDb& db() {
        if (!db_)
            throw py::value_error("the database is closed");
        return *db_;
    }
    void close() {
        WithoutGil release;
        db_.reset();
    }

    Pair open_partition(const std::string& app_id, const py::bytes& key,
                        const std::string& user_id) {
        const auto opened = taken(db().open_partition(app_id, std::string(key), user_id));
        return {opened.id, opened.head};
    }
    Salted allocate_ident(std::uint64_t partition, const std::string& user_id) {
        const auto file = taken(db().allocate_ident(partition, user_id));
        return {file.ident, file.salt};
    }
    py::tuple bind(std::uint64_t partition, const std::string& user_id, const Salted& file,
                   const Pair& download, const Salted& latest) {
        const auto result = db().bind(partition, {user_id,
                                                  {file.first, file.second},
                                                  {download.first, download.second},
                                                  {latest.first, latest.second}});
        if (const auto* refusal = std::get_if<server::Refusal>(&result))
            return py::make_tuple(py::none(), refused(*refusal));
        const auto& bound = std::get<server::BoundFile>(result);
        return py::make_tuple(py::make_tuple(bound.threshold.client_version,
                                             bound.threshold.server_version,
                                             bound.locked_server_version, bound.head),
                              py::none());
    }
    py::tuple append(std::uint64_t partition, std::uint64_t file_ident,
                     const std::vector<UploadTuple>& changesets, const Pair& progress,
                     std::uint64_t locked_server_version) {
        server::AppendRequest request;
        request.file_ident = file_ident;
        request.progress = {progress.first, progress.second};
        request.locked_server_version = locked_server_version;
        std::vector<std::shared_ptr<const std::string>> payloads;
        for (const auto& [cv, sv, timestamp, origin, bytes] : changesets) {
            request.changesets.push_back({cv, sv, timestamp, origin, {}});
            payloads.push_back(std::make_shared<const std::string>(bytes));
        }
        partitions::PartitionDb& target = db();
        std::variant<server::Appended, server::Refusal> result;
        {
            WithoutGil release;
            for (std::size_t i = 0; i < payloads.size(); ++i)
                request.changesets[i].changeset =
                    value_or_throw(changeset::parse(std::move(payloads[i])));
            Work work(work_);
            result = target.append(partition, std::move(request), work);
        }
        if (const auto* refusal = std::get_if<server::Refusal>(&result))
            return py::make_tuple(py::none(), refused(*refusal));
        return py::make_tuple(std::get<server::Appended>(result).head, py::none());
    }
    py::dict fetch_page(std::uint64_t partition, std::uint64_t file_ident, const Pair& cursor,
                        std::uint64_t least_latest, std::uint64_t byte_limit) {
        partitions::PartitionDb& target = db();
        server::Page page;
        {
            WithoutGil release;
            page = target.fetch_page(
                {partition, file_ident, {cursor.first, cursor.second}, least_latest, byte_limit});
        }
        return shown(page);
    }
    // The page that needs no other thread, or None.
    py::object fetch_recent(std::uint64_t partition, std::uint64_t file_ident, const Pair& cursor) {
        const auto page =
            db().fetch_recent({partition, file_ident, {cursor.first, cursor.second}, 0, 1u << 20});
        return page ? py::object(shown(*page)) : py::none();
    }

  private:
    static py::dict shown(const server::Page& page) {
        const auto plain = unwrap(wire::plain_body(page.body.view(), UINT32_MAX));
        py::list entries;
        for (const auto& e : unwrap(wire::parse_download_entries(*plain)))
            entries.append(py::make_tuple(e.server_version, e.client_version, e.origin_timestamp,
                                          e.origin_file_ident, e.original_size,
                                          py::bytes(e.changeset.data(), e.changeset.size())));
        const auto& [latest, download, upload] = page.progress;
        py::dict result;
        result["entries"] = entries;
        result["compressed"] = page.body.compressed;
        result["latest"] = py::make_tuple(latest.version, latest.salt);
        result["download"] = py::make_tuple(download.server_version, download.client_version);
        result["upload"] = py::make_tuple(upload.client_version, upload.server_version);
        result["downloadable"] = page.downloadable_bytes;
        return result;
    }

    const std::uint64_t work_; // ns that an upload may take
    std::unique_ptr<partitions::PartitionDb> db_;
};

} // namespace

void bind_partitions(py::module_& m) {
    py::class_<Partitions>(m, "PartitionDb")
        .def(py::init<const std::string&, const std::string&, std::optional<std::size_t>,
                      std::optional<std::size_t>, const std::string&, std::optional<std::uint64_t>,
                      const std::array<std::uint64_t, 3>&, std::optional<std::size_t>>(),
             py::arg("directory"), py::kw_only(), py::arg("durability") = "full",
             py::arg("tail_bytes") = py::none(), py::arg("cache_bytes") = py::none(),
             py::arg("merge_profile") = "safe", py::arg("work") = py::none(),
             py::arg("quotas") = std::array<std::uint64_t, 3>{},
             py::arg("page_cache_bytes") = py::none())
        .def("close", &Partitions::close)
        .def("begin", [](Partitions& p) { p.db().begin(); })
        .def("commit",
             [](Partitions& p) {
                 partitions::PartitionDb& db = p.db();
                 WithoutGil release;
                 db.commit();
             })
        .def("rollback", [](Partitions& p) { p.db().rollback(); })
        .def("open_partition", &Partitions::open_partition, py::arg("app_id"), py::arg("key"),
             py::arg("user_id") = "ann")
        .def("allocate_ident", &Partitions::allocate_ident, py::arg("partition"),
             py::arg("user_id"))
        .def("bind", &Partitions::bind, py::arg("partition"), py::arg("user_id"), py::arg("file"),
             py::arg("download") = Pair{0, 0}, py::arg("latest") = Salted{0, 0})
        .def("append", &Partitions::append, py::arg("partition"), py::arg("file_ident"),
             py::arg("changesets"), py::arg("progress"), py::arg("locked_server_version") = 0)
        .def("fetch_page", &Partitions::fetch_page, py::arg("partition"), py::arg("file_ident"),
             py::arg("cursor") = Pair{0, 0}, py::arg("least_latest") = 0,
             py::arg("byte_limit") = 1u << 20)
        .def("fetch_recent", &Partitions::fetch_recent, py::arg("partition"), py::arg("file_ident"),
             py::arg("cursor") = Pair{0, 0})
        .def("cached_bytes", [](Partitions& p) { return p.db().cached_bytes(); });
}

} // namespace realmsync::bindings::testbed
