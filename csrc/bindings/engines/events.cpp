#include "bindings/engines/events.hpp"

#include <pybind11/stl.h>

#include <type_traits>

namespace py = pybind11;

namespace realmsync::bindings {

const char* name_of(client::ConnectionState state) {
    switch (state) {
    case client::ConnectionState::connecting: return "connecting";
    case client::ConnectionState::connected: return "connected";
    case client::ConnectionState::disconnected: break;
    }
    return "disconnected";
}

py::tuple call_tuple(const client::Notifiers::Call& call) {
    return py::make_tuple(call.transferred, call.transferable, call.estimate, call.expired);
}

namespace {

const char* action_name(client::FileAction action) {
    switch (action) {
    case client::FileAction::remove: return "remove";
    case client::FileAction::back_up_then_remove: return "back_up_then_remove";
    case client::FileAction::none: break;
    }
    return "none";
}

struct ToPython {
    py::tuple operator()(const client::Connect& e) const {
        py::dict headers;
        for (const auto& [name, value] : e.headers)
            headers[py::str(name)] = value;
        return py::make_tuple("connect", e.socket, e.url, e.subprotocols, headers);
    }
    py::tuple operator()(const client::Writable& e) const {
        return py::make_tuple("writable", e.socket);
    }
    py::tuple operator()(const client::Close& e) const {
        return py::make_tuple("close", e.socket, e.code);
    }
    py::tuple operator()(const client::PauseReading& e) const {
        return py::make_tuple("pause_reading", e.socket);
    }
    py::tuple operator()(const client::ResumeReading& e) const {
        return py::make_tuple("resume_reading", e.socket);
    }
    py::tuple operator()(const client::LifecycleChanged& e) const {
        return py::make_tuple("lifecycle", e.session, int(e.state));
    }
    py::tuple operator()(const client::ConnectionChanged& e) const {
        return py::make_tuple("connection", e.session, name_of(e.current), name_of(e.previous));
    }
    py::tuple operator()(const client::Progressed& e) const {
        return py::make_tuple("progress", e.session, e.call.token, call_tuple(e.call));
    }
    py::tuple operator()(const client::WaitResolved& e) const {
        return py::make_tuple("wait", e.session, e.wait, e.status, e.message);
    }
    py::tuple operator()(const client::Errored& e) const {
        py::dict d;
        d["code"] = e.failure.status;
        d["message"] = e.failure.message;
        d["log_url"] = e.failure.log_url;
        d["is_fatal"] = e.failure.fatal;
        d["action"] = std::string(client::to_string(e.failure.action));
        d["client_reset"] = e.client_reset;
        d["file_action"] = action_name(e.file_action);
        return py::make_tuple("error", e.session, d);
    }
    py::tuple operator()(const client::Released& e) const {
        return py::make_tuple("released", e.session);
    }
    py::tuple operator()(const client::ServerLog& e) const {
        return py::make_tuple("log", e.level, e.message);
    }
    py::tuple operator()(const client::RefreshToken& e) const {
        return py::make_tuple("refresh_token", e.session);
    }
    py::tuple operator()(const client::RefreshLocation& e) const {
        return py::make_tuple("refresh_location", e.session);
    }
    py::tuple operator()(const client::LogOut& e) const {
        return py::make_tuple("log_out", e.session);
    }
};

const char* level_name(server::LogLevel level) {
    switch (level) {
    case server::LogLevel::debug: return "debug";
    case server::LogLevel::info: return "info";
    case server::LogLevel::warning: return "warning";
    case server::LogLevel::error: break;
    }
    return "error";
}

} // namespace

py::object to_python(const client::Event& event) { return std::visit(ToPython{}, event); }

py::object to_python(const server::Event& event) {
    return std::visit(
        [](const auto& e) -> py::tuple {
            using E = std::decay_t<decltype(e)>;
            if constexpr (std::is_same_v<E, server::Writable>)
                return py::make_tuple("writable", e.connection);
            else if constexpr (std::is_same_v<E, server::Close>)
                return py::make_tuple("close", e.connection, e.code);
            else if constexpr (std::is_same_v<E, server::Drop>)
                return py::make_tuple("drop", e.connection);
            else if constexpr (std::is_same_v<E, server::PauseReading>)
                return py::make_tuple("pause_reading", e.connection);
            else if constexpr (std::is_same_v<E, server::ResumeReading>)
                return py::make_tuple("resume_reading", e.connection);
            else if constexpr (std::is_same_v<E, server::StorageFailed>)
                return py::make_tuple("storage_failed", e.message);
            else
                return py::make_tuple("log", level_name(e.level), e.text);
        },
        event);
}

} // namespace realmsync::bindings
