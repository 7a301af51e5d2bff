// Realm files in Python: opening and closing, and the registration of RealmHandle.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bindings/bind.hpp"
#include "bindings/realm/file_copy.hpp"
#include "bindings/realm/live_objects.hpp"
#include "bindings/realm/live_query.hpp"
#include "bindings/realm/object_writer.hpp"
#include "bindings/realm/place.hpp"
#include "bindings/realm/query.hpp"
#include "bindings/realm/realm_handle.hpp"
#include "bindings/realm/subscriptions.hpp"
#include "bindings/values/errors.hpp"
#include "bindings/values/without_gil.hpp"
#include "realm/client_reset.hpp"
#include "realm/schema_migration.hpp"
#include "sqlite/library.hpp"

namespace py = pybind11;

namespace realmsync::bindings {

using realm::RealmFile;

void RealmHandle::close() {
    require_settled();
    set_transaction(nullptr);
    reader_ = {};
    writer_ = {};
    leave_version();
    WithoutGil release;
    file_.reset();
}

void RealmHandle::require_usable() const {
    if (!origin_.is_here())
        raise_python(
            "ForkedProcessError",
            "This realm belongs to the parent process, which has forked this one: open the "
            "file anew here.");
    if (!file_)
        raise_python("ClosedRealmError", "Cannot access realm that has been closed.");
}

namespace {

// Classes as Python declares them, and what a declaration is made of.
void bind_declared(py::module_& m) {
    py::enum_<Type>(m, "Type")
        .value("mixed", kMixed)
        .value("integer", Type::integer)
        .value("boolean", Type::boolean)
        .value("string", Type::string)
        .value("binary", Type::binary)
        .value("timestamp", Type::timestamp)
        .value("float32", Type::float32)
        .value("float64", Type::float64)
        .value("decimal", Type::decimal)
        .value("link", Type::link)
        .value("object_id", Type::object_id)
        .value("uuid", Type::uuid);
    py::enum_<Collection>(m, "CollectionKind")
        .value("single", Collection::single)
        .value("list", Collection::list)
        .value("dictionary", Collection::dictionary)
        .value("set", Collection::set);
    py::class_<DeclaredProperty>(m, "DeclaredProperty")
        .def(py::init<std::string, py::str, Type, Collection, bool, std::string, bool, py::object,
                      bool, bool, bool>(),
             py::kw_only(), py::arg("name"), py::arg("attribute"), py::arg("type"),
             py::arg("collection"), py::arg("optional"), py::arg("target"), py::arg("has_default"),
             py::arg("default"), py::arg("full_text"), py::arg("indexed"),
             py::arg("counter") = false)
        .def_readonly("name", &DeclaredProperty::name)
        .def_readonly("type", &DeclaredProperty::type)
        .def_readonly("collection", &DeclaredProperty::collection)
        .def_readonly("optional", &DeclaredProperty::nullable)
        .def_readonly("target", &DeclaredProperty::target)
        .def_readonly("full_text", &DeclaredProperty::has_text_index)
        .def_readonly("indexed", &DeclaredProperty::is_indexed);
    py::class_<DeclaredClass>(m, "DeclaredClass")
        .def(py::init([](std::string name, bool embedded, int key,
                         std::vector<DeclaredProperty> properties, bool asymmetric) {
                 const TableKind kind = embedded     ? TableKind::embedded
                                        : asymmetric ? TableKind::asymmetric
                                                     : TableKind::top_level;
                 return DeclaredClass{std::move(name), kind, key, std::move(properties)};
             }),
             py::kw_only(), py::arg("name"), py::arg("embedded"), py::arg("key"),
             py::arg("properties"), py::arg("asymmetric") = false)
        .def_readonly("name", &DeclaredClass::name)
        .def_property_readonly("embedded",
                               [](const DeclaredClass& c) { return c.kind == TableKind::embedded; })
        .def_property_readonly(
            "asymmetric", [](const DeclaredClass& c) { return c.kind == TableKind::asymmetric; })
        .def_readonly("key", &DeclaredClass::key)
        .def_readonly("properties", &DeclaredClass::properties);
    m.def("require_default", &require_default, py::arg("property"), py::arg("cls"));
}

void bind_handle(py::module_& m) {
    py::enum_<OnExisting>(m, "OnExisting")
        .value("refuse", OnExisting::refuse)
        .value("update_changed", OnExisting::update_changed)
        .value("update_all", OnExisting::update_all);
    py::class_<RealmHandle, std::shared_ptr<RealmHandle>>(m, "RealmHandle")
        .def(py::init([](std::shared_ptr<RealmFile> file, const py::object& realm) {
            return std::shared_ptr<RealmHandle>(new RealmHandle(std::move(file), realm),
                                                DeleteAtHome<RealmHandle>());
        }))
        .def_property_readonly("file", &RealmHandle::file)
        .def("declare", &RealmHandle::declare)
        .def("enter_version", &RealmHandle::enter_version)
        .def("schema_version", &RealmHandle::schema_version)
        .def("schema_step", &RealmHandle::schema_step)
        .def("add_schema", &RealmHandle::add_schema)
        .def("begin_migration", &RealmHandle::begin_migration)
        .def("rename_property", &RealmHandle::rename_property)
        .def("end_migration", &RealmHandle::end_migration)
        .def("delete_class", &RealmHandle::delete_class)
        .def("begin_anew", &RealmHandle::begin_anew)
        .def("file_schema", &RealmHandle::file_schema)
        .def("close", &RealmHandle::close)
        .def("begin", &RealmHandle::begin, py::arg("timeout") = std::nullopt)
        .def("try_begin", &RealmHandle::try_begin)
        .def("refuse_nested", &RealmHandle::refuse_nested)
        .def("begin_granted", &RealmHandle::begin_granted)
        .def("adopt", &RealmHandle::adopt)
        .def("commit", &RealmHandle::commit)
        .def("take_commit", &RealmHandle::take_commit)
        .def("rollback", &RealmHandle::rollback)
        .def("edit_subscriptions", &RealmHandle::edit_subscriptions)
        .def("add_subscriptions", &RealmHandle::add_subscriptions)
        .def("require_unchanged", &RealmHandle::require_unchanged)
        .def_property_readonly("writing", &RealmHandle::writing)
        .def_property_readonly("transactions", &RealmHandle::transactions)
        .def_property_readonly("mine", &RealmHandle::mine)
        .def_property_readonly("changing", &RealmHandle::changing)
        .def("mark", &RealmHandle::mark)
        .def("keep", &RealmHandle::keep)
        .def("undo", &RealmHandle::undo)
        .def("accessor", &RealmHandle::accessor)
        .def("find", &RealmHandle::find)
        .def("count", &RealmHandle::count)
        .def("keys", &RealmHandle::keys)
        .def("create", &RealmHandle::create)
        .def("query", &RealmHandle::query, py::arg("cls"), py::arg("base"), py::arg("text"),
             py::arg("arguments"), py::arg("mapping"))
        .def("select", &RealmHandle::select, py::arg("query"), py::arg("members") = py::none())
        .def("create_rows", &RealmHandle::create_rows)
        .def("create_columns", &RealmHandle::create_columns);
}

} // namespace

// `mode` is the value of a realmsync.ClientResetMode that is automatic, `action` what the server
// has asked for.
py::tuple reset(RealmFile& self, RealmFile& fresh, const std::string& mode, bool may_recover,
                std::int32_t status, const std::string& message, const std::string& copy,
                std::int64_t now_ms, const std::string& action, const std::string& query,
                bool has_forgotten) {
    using realm::ResetMode;
    const ResetMode wanted = mode == "discardUnsyncedChanges"   ? ResetMode::discard
                             : mode == "recoverUnsyncedChanges" ? ResetMode::recover
                                                                : ResetMode::recover_or_discard;
    const realm::Migration migration = action == "MigrateToFLX"  ? realm::Migration::to_flexible
                                       : action == "RevertToPBS" ? realm::Migration::to_partition
                                                                 : realm::Migration::none;
    realm::ResetOutcome outcome;
    {
        WithoutGil unlocked;
        outcome = realm::reset(
            self, fresh,
            {wanted, may_recover, status, message, copy, now_ms, migration, query, has_forgotten});
    }
    return py::make_tuple(outcome.recovered, outcome.is_copied);
}

std::string claim_partition(const std::shared_ptr<RealmFile>& file, const std::string& wanted) {
    std::optional<std::string> found;
    {
        WithoutGil unlocked;
        found = file->partition();
        if (found && !(file->is_migrated() && file->is_leaving_partition()))
            return *found;
    }
    auto turn = wait_for_turn(*file, caller(), std::nullopt);
    WithoutGil unlocked;
    if (!found)
        return file->claim_partition(wanted, std::move(turn));
    file->stay_in_partition(std::move(turn));
    return *found;
}

void bind_reset(py::class_<RealmFile, client::ClientStore, std::shared_ptr<RealmFile>>& c) {
    c.def("reset", &reset, py::arg("fresh"), py::arg("mode"), py::kw_only(),
          py::arg("may_recover") = true, py::arg("status") = 0, py::arg("message") = "",
          py::arg("copy") = "", py::arg("now_ms") = 0, py::arg("action") = "ClientReset",
          py::arg("partition_query") = "", py::arg("has_forgotten") = false)
        .def_property_readonly("is_migrated", &RealmFile::is_migrated)
        .def("has_reset", &RealmFile::has_reset, py::call_guard<WithoutGil>())
        .def("partition", &RealmFile::partition, py::call_guard<WithoutGil>())
        .def("begin_anew", &realm::begin_anew, py::call_guard<WithoutGil>())
        .def("forget_reset", &realm::forget_reset, py::call_guard<WithoutGil>())
        .def("has_unsent",
             [](RealmFile& self) {
                 WithoutGil unlocked;
                 const client::ClientState state = self.state();
                 return state.uploaded_version < state.current_version;
             })
        .def("is_untouched", [](RealmFile& self) {
            WithoutGil unlocked;
            return self.state().current_version <= 1;
        });
}

void bind_realm(py::module_& m) {
    m.attr("sqlite_version") = sqlite::version();
    py::class_<RealmFile, client::ClientStore, std::shared_ptr<RealmFile>> c(m, "RealmFile");
    c.def_static(
         "open",
         [](const std::string& path, const std::string& durability) {
             realm::RealmFileOptions options;
             options.durability =
                 durability == "process" ? sqlite::Durability::off : sqlite::Durability::full;
             return RealmFile::open(path, options);
         },
         py::arg("path"), py::kw_only(), py::arg("durability") = "full",
         py::call_guard<WithoutGil>())
        .def_static("is_open", &RealmFile::is_open)
        .def_static("remove", &RealmFile::remove, py::call_guard<WithoutGil>())
        .def_static("remove_unused", &RealmFile::remove_unused, py::call_guard<WithoutGil>())
        .def_static("move_unused", &RealmFile::move_unused, py::arg("path"), py::arg("target"),
                    py::call_guard<WithoutGil>())
        .def_property_readonly("path", &RealmFile::path)
        .def("claim_partition", &claim_partition, py::arg("wanted"))
        .def("try_claim_sync", &RealmFile::try_claim_sync, py::call_guard<WithoutGil>())
        .def("release_sync", &RealmFile::release_sync)
        .def("flush",
             [](const std::shared_ptr<RealmFile>& file, const std::vector<std::uint64_t>& tickets) {
                 auto turn = wait_for_turn(*file, caller(), std::nullopt);
                 WithoutGil release;
                 file->flush(tickets.back(), std::move(turn));
                 for (const std::uint64_t ticket : tickets)
                     file->require_kept(ticket);
             })
        .def("require_kept", &RealmFile::require_kept);
    bind_reset(c);
    bind_file_copy(m);
    bind_writer_turn(m);
    bind_declared(m);
    bind_query(m);
    bind_live_query(m);
    bind_live_objects(m);
    bind_subscription_sets(m);
    bind_schema_steps(m);
    bind_handle(m);
    bind_place(m);
}

} // namespace realmsync::bindings
