# bash completion for forebay(1); its table of verbs is made of their --help (packaging/pages.py).

# Of a verb, as in 'topology show': its own verbs, its options, which of them take what, what its arguments are.
_forebay_verb() {
  case $1 in
    @VERBS@
    *) verbs= options= values= arguments= ;;
  esac
}

# The names of a kind in the topology file.
_forebay_names() {
  "$program" topology show ${file:+-t "$file"} 2>/dev/null | awk -v kind="$1" '
    /^[A-Z]+ / { table = $1; next }
    NF == 0 { table = "" }
    table == "HOST" && kind == "host" || table == "STREAM" && kind == "stream" { print $1 }
    table == "STREAM" && (kind == "sidecar" || kind == "any") { print $2 }
    table == "NODE" && (kind == "node" || kind == "any") { print $1 }'
}

_forebay() {
  local program=$1 current=$2 verb= wanted= file= at=0 word pair i
  local verbs options values arguments
  COMPREPLY=()
  _forebay_verb ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ -n $wanted ]]; then
      [[ $word != '=' ]] || continue  # --option=value comes as three words
      [[ $wanted != topology ]] || file=${word/#\~/$HOME}
      wanted=
    elif [[ $word == -* ]]; then
      for pair in $values; do
        [[ ${pair%%=*} != "$word" ]] || wanted=${pair#*=}
      done
    elif [[ " $verbs " == *" $word "* ]]; then
      verb=${verb:+$verb }$word
      _forebay_verb "$verb"
    else
      at=$((at + 1))
    fi
  done

  [[ $current != '=' ]] || current=
  if [[ -z $wanted && $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
    return
  elif [[ -z $wanted && -n $verbs ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$current")
    return
  elif [[ -z $wanted ]]; then
    local kinds=($arguments)
    wanted=${kinds[at]-}
  fi
  # What is not a name of the topology is left to bash: files.
  case $wanted in
    host | stream | sidecar | node | any)
      mapfile -t COMPREPLY < <(compgen -W "$(_forebay_names "$wanted" | sort -u)" -- "$current") ;;
  esac
}
complete -o bashdefault -o default -F _forebay forebay
