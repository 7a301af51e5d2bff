// Names of an application for those of the schema (query-language.md section 7), and the variables
// of SUBQUERY (section 14), which stand for the object itself.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "query/binding/bind.hpp"

namespace realmsync::query {

class Names {
  public:
    explicit Names(const KeyPathMapping* mapping); // may be null

    // The name of the schema for a property of the class: empty for a variable, `@links.C.p` for
    // backlinks that have a name of their own. Throws QueryFault when names lead in a circle.
    std::string property(const model::Class& cls, std::string_view name,
                         syntax::Position position) const;
    std::string class_name(std::string_view name, syntax::Position position) const;

    // Between these two, the variable names objects of the class. False if it does already.
    bool declare(const model::Class& cls, const std::string& variable);
    void forget(const model::Class& cls, const std::string& variable);

  private:
    // By class, then name: the many look-ups of a class without names of its own end at once.
    std::map<std::string, std::map<std::string, std::string, std::less<>>, std::less<>> properties_;
    std::map<std::string, std::string, std::less<>> classes_;
};

} // namespace realmsync::query
