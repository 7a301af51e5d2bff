// The group commit of a realm file on a database of the test's own: what a writer may do, one by
// one, beside what another connection sees of it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/testbed/bind.hpp"
#include "realm/commit_group.hpp"
#include "sqlite/sqlite.hpp"

namespace py = pybind11;

namespace realmsync::bindings::testbed {

namespace {

class CommitGroupOnFile {
  public:
    explicit CommitGroupOnFile(const std::string& path) : db_(path), other_(path) {}

    void begin() { group_.begin(db_); }
    void execute(const std::string& sql) { db_.exec(sql); }
    std::uint64_t defer(std::uint64_t version) { return group_.defer(version); }
    void commit() { group_.commit(); }
    void rollback() { group_.rollback(); }
    std::uint64_t flush(std::uint64_t ticket) { return group_.flush(ticket); }
    void require_kept(std::uint64_t ticket) const { group_.require_kept(ticket); }
    void close() { group_.close(); }
    bool is_open() const { return group_.is_open(); }
    bool has_waiting() const { return group_.has_waiting(); }
    std::vector<std::int64_t> committed(const std::string& sql) {
        std::vector<std::int64_t> values;
        auto rows = other_.query(sql);
        while (rows.step())
            values.push_back(rows->integer(0));
        return values;
    }

  private:
    sqlite::Database db_, other_;
    realm::CommitGroup group_; // its transaction ends before the connection does
};

} // namespace

void bind_commit_group(py::module_& m) {
    py::class_<CommitGroupOnFile>(m, "CommitGroup")
        .def(py::init<const std::string&>(), py::arg("path"))
        .def("begin", &CommitGroupOnFile::begin)
        .def("execute", &CommitGroupOnFile::execute, py::arg("sql"))
        .def("defer", &CommitGroupOnFile::defer, py::arg("version"))
        .def("commit", &CommitGroupOnFile::commit)
        .def("rollback", &CommitGroupOnFile::rollback)
        .def("flush", &CommitGroupOnFile::flush, py::arg("ticket"))
        .def("require_kept", &CommitGroupOnFile::require_kept, py::arg("ticket"))
        .def("close", &CommitGroupOnFile::close)
        .def_property_readonly("is_open", &CommitGroupOnFile::is_open)
        .def_property_readonly("has_waiting", &CommitGroupOnFile::has_waiting)
        .def("committed", &CommitGroupOnFile::committed, py::arg("sql"));
}

} // namespace realmsync::bindings::testbed
